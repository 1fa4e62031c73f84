//! What the parts do together. `orders` holds the fixtures: one order in both of its shapes.

mod calls;
mod deliveries;
mod mapping;
mod orders;
mod outward;
mod sandbox;
mod shop;

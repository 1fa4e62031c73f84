# What CI does, and what is too long for it.

default: check test

# Format, lints, licences and advisories.
check:
    cargo fmt --check
    cargo clippy --lib --bins --examples --benches -- -D warnings
    cargo clippy --tests -- -D warnings -A clippy::expect_used -A clippy::unwrap_used -A clippy::print_stderr

test:
    cargo test

# The daemon's story over all channels, and mutated inputs.
scenarios:
    cargo test --test scenarios --test fuzz_smoke -- --test-threads 8

# Random lives of orders in bad weather, bulk syncs at the real allowances, in virtual time.
histories histories="2000" bulk="10000":
    FENICIA_HISTORIES={{histories}} FENICIA_BULK={{bulk}} cargo test --release --test inbound -- --nocapture

# Shipments, corrected numbers and cancellations while answers get lost and the daemon is killed.
effects actions="1000" seed="1":
    FENICIA_EFFECTS={{actions}} FENICIA_SEED={{seed}} cargo test --test effects -- --nocapture once_or_says

# kill -9 at every step of the renewal of tokens.
rotations rounds="20":
    FENICIA_ROTATIONS={{rounds}} cargo test --test scenarios -- --nocapture rotation

# Kill, torn-write and failing-disk suites at night length.
crash cycles="1000" images="1000000":
    FENICIA_CRASH_CYCLES={{cycles}} FENICIA_TORN_IMAGES={{images}} cargo test --release --test crash --test torn -- --nocapture

# One fuzz target for some seconds; all of them: just fuzz-all
fuzz target seconds="300":
    RUSTC_BOOTSTRAP=1 cargo fuzz run {{target}} -- -max_total_time={{seconds}}

bench:
    cargo bench

# Acknowledged webhooks per second beside a plain echo, latencies, memory, start-up times.
load *args:
    cargo build --release && cargo run --release --example load -- {{args}}

deny:
    cargo deny check

# The page in a real browser (needs node and Chromium): all journeys, or those that match.
journeys pattern="":
    cargo build --bins --example fill && cd tests/page && npm ci --no-audit --no-fund && ./run.sh {{pattern}}

# Finding among a million orders, each page within its time, and a bulk sync at full length.
million orders="1000000":
    cargo build --release --bins --example fill && cd tests/page && npm ci --no-audit --no-fund && FENICIA="$PWD/../../target/release/fenicia" FENICIA_JOURNEY_ORDERS={{orders}} FENICIA_JOURNEY_BULK=1284 ./run.sh '^(9|17)\.'

# The README's pictures of the page, from the demo.
screens *folder:
    cargo build && cd tests/page && npm ci --no-audit --no-fund && node screens.mjs {{folder}}

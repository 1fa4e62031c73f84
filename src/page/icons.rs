//! The icons: drawn by hand, and only those that a page uses are sent with it.

/// Name, side of the drawing, strokes.
const ICONS: &[(&str, u8, &str)] = &[
    ("bell", 16, r#"<path d="M4 11V7a4 4 0 0 1 8 0v4l1.2 1.5H2.8zM6.5 14.3h3"/>"#),
    ("bolt", 16, r#"<path d="M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z"/>"#),
    ("box", 16, r#"<path d="M2.5 4.8 8 2l5.5 2.8v6.4L8 14l-5.5-2.8zM2.5 4.8 8 7.6l5.5-2.8M8 7.6V14"/>"#),
    ("check", 16, r#"<path d="m3 8.5 3.3 3.3L13 4.8"/>"#),
    ("clock", 16, r#"<circle cx="8" cy="8" r="6"/><path d="M8 4.5V8l2.5 1.7"/>"#),
    (
        "coin",
        16,
        r#"<circle cx="8" cy="8" r="6"/><path d="M10 5.8c-.4-.7-1.1-1-2-1-1.2 0-2 .6-2 1.5 0 2.2 4.1 1.1 4.1 3.3 0 1-.9 1.6-2.1 1.6-1 0-1.8-.4-2.2-1.2M8 3.6v1.2M8 11.2v1.2"/>"#,
    ),
    ("down", 16, r#"<path d="M8 2.5v8M4.5 7.5 8 11l3.5-3.5M2.5 13.5h11"/>"#),
    ("ext", 16, r#"<path d="M9.5 2.5h4v4M13.5 2.5 7.5 8.5M11.5 9.5v4h-9v-9h4"/>"#),
    (
        "g-accepted",
        12,
        r#"<circle cx="6" cy="6" r="4.6"/><path d="M6 1.4a4.6 4.6 0 0 1 0 9.2z" fill="currentColor" stroke="none"/>"#,
    ),
    ("g-back", 12, r#"<path d="M4.2 1.8 1.6 4.4 4.2 7M1.8 4.4h5.4a3 3 0 0 1 0 6H4.6"/>"#),
    ("g-cancelled", 12, r#"<circle cx="6" cy="6" r="4.6"/><path d="m2.9 2.9 6.2 6.2"/>"#),
    (
        "g-cut",
        12,
        r#"<path d="M3.8.9h4.4l2.9 2.9v4.4l-2.9 2.9H3.8L.9 8.2V3.8zM4.2 4.2l3.6 3.6M7.8 4.2 4.2 7.8"/>"#,
    ),
    (
        "g-delivered",
        12,
        r#"<circle cx="6" cy="6" r="5.4" fill="currentColor" stroke="none"/><path class="k" d="m3.6 6.2 1.7 1.7 3.2-3.5"/>"#,
    ),
    (
        "g-gone",
        12,
        r#"<path d="M2 10V5.8a4 4 0 0 1 8 0V10M4.6 5.3v.05M7.4 5.3v.05M2 10l1.3-1 1.4 1L6 9l1.3 1 1.4-1L10 10"/>"#,
    ),
    ("g-late", 12, r#"<path d="M6 1.3 11.2 10.6H.8zM6 4.8v2.6M6 9v.05"/>"#),
    (
        "g-ok",
        12,
        r#"<circle cx="6" cy="6" r="5.4" fill="currentColor" stroke="none"/><path class="k" d="m3.6 6.2 1.7 1.7 3.2-3.5"/>"#,
    ),
    ("g-paid", 12, r#"<path d="m1.8 6.4 2.8 2.8 5.6-6.2"/>"#),
    (
        "g-part",
        12,
        r#"<path d="M4.2 1.8 1.6 4.4 4.2 7M1.8 4.4h5.4a3 3 0 0 1 0 6H6" stroke-dasharray="2.6 1.7"/>"#,
    ),
    ("g-pause", 12, r#"<path d="M4.2 2.4v7.2M7.8 2.4v7.2" stroke-width="2.2"/>"#),
    ("g-pending", 12, r#"<circle cx="6" cy="6" r="4.6" stroke-dasharray="2.4 2.4"/>"#),
    ("g-shipped", 12, r#"<path d="M1.2 6h9M7 2.8 10.4 6 7 9.2"/>"#),
    ("g-unpaid", 12, r#"<circle cx="6" cy="6" r="4.4"/>"#),
    ("g-wait", 12, r#"<circle cx="6" cy="6" r="4.6"/><path d="M6 3.4V6l1.8 1.2"/>"#),
    (
        "gear",
        16,
        r#"<circle cx="8" cy="8" r="2.2"/><path d="M8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M12.6 3.4l-1.4 1.4M4.8 11.2l-1.4 1.4"/>"#,
    ),
    (
        "hand",
        16,
        r#"<circle cx="8" cy="5" r="2.8"/><path d="M2.8 14c.5-3 2.5-4.5 5.2-4.5s4.7 1.5 5.2 4.5"/>"#,
    ),
    ("home", 16, r#"<path d="M2.5 7 8 2.5 13.5 7v6a.5.5 0 0 1-.5.5H10V9.5H6v4H3a.5.5 0 0 1-.5-.5z"/>"#),
    ("info", 16, r#"<circle cx="8" cy="8" r="6"/><path d="M8 7.3v3.6M8 5.1v.1"/>"#),
    (
        "mark",
        24,
        r#"<path d="M11 2.5c4 1.7 6.5 5.6 6.8 10.5H11zM9.5 5v8H4.2C5.3 9.6 7.1 6.8 9.5 5zM2 15h20c-.8 4-3.6 6.5-7.5 6.5h-5C5.6 21.5 2.8 19 2 15z"/>"#,
    ),
    ("next", 16, r#"<path d="m6 3.5 4.5 4.5L6 12.5"/>"#),
    ("pen", 16, r#"<path d="M3 13l.6-2.8 7.2-7.2 2.2 2.2-7.2 7.2z"/>"#),
    ("plug", 16, r#"<path d="M6 1.5v3M10 1.5v3M4 4.5h8V7a4 4 0 0 1-8 0zM8 11v3.5"/>"#),
    ("plus", 16, r#"<path d="M8 3v10M3 8h10"/>"#),
    ("search", 16, r#"<circle cx="7" cy="7" r="4.5"/><path d="m10.5 10.5 3.5 3.5"/>"#),
    ("stop", 16, r#"<rect x="4" y="4" width="8" height="8" rx="1"/>"#),
    (
        "sync",
        16,
        r#"<path d="M13.5 8a5.5 5.5 0 0 1-9.7 3.5M2.5 8a5.5 5.5 0 0 1 9.7-3.5M12.5 1.8v2.9H9.6M3.5 14.2v-2.9h2.9"/>"#,
    ),
    (
        "truck",
        16,
        r#"<path d="M1.5 3.5h8v7.5h-8zM9.5 6.5h3l2 2.2V11h-5z"/><circle cx="4.5" cy="12" r="1.5"/><circle cx="11.5" cy="12" r="1.5"/>"#,
    ),
    (
        "tune",
        16,
        r#"<path d="M2 5h7M12.5 5H14M2 11h1.5M7 11h7"/><circle cx="10.7" cy="5" r="1.7"/><circle cx="5.2" cy="11" r="1.7"/>"#,
    ),
    ("warn", 16, r#"<path d="M8 2 14.5 13.5h-13zM8 6.5v3.2M8 11.7v.1"/>"#),
    ("x", 16, r#"<path d="m4 4 8 8M12 4l-8 8"/>"#),
];

/// Where the layout wants the sprite.
const MARK: &str = "<!--sprite-->";

/// The page with a sprite of what its `href="#..."` refer to.
pub fn with_sprite(page: &str) -> String {
    let Some((before, after)) = page.split_once(MARK) else { return page.to_owned() };
    let mut text = String::with_capacity(page.len() + 4_096);
    text.push_str(before);
    text.push_str(r#"<svg class="sprite" aria-hidden="true" focusable="false">"#);
    for (name, side, strokes) in ICONS {
        if after.contains(&format!("href=\"#i-{name}\"")) {
            text.push_str(&format!(
                r#"<symbol id="i-{name}" viewBox="0 0 {side} {side}">{strokes}</symbol>"#
            ));
        }
    }
    text.push_str("</svg>");
    text.push_str(after);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_used_is_sent() {
        let page = with_sprite(r##"<body><!--sprite--><use href="#i-bell"/></body>"##);
        assert!(page.contains(r#"<symbol id="i-bell""#));
        assert!(!page.contains(r#"<symbol id="i-gear""#));
        assert_eq!(with_sprite("plain"), "plain");
    }

    #[test]
    fn every_icon_of_a_template_is_drawn() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        for entry in std::fs::read_dir(dir).expect("templates") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a template");
            for part in text.split("p::icon(\"").chain(text.split("p::glyph(\"")).skip(1) {
                let name = part.split('"').next().unwrap_or_default();
                let is_name = !name.is_empty() && name.len() < 12 && !name.contains(['<', ' ', '{']);
                let drawn = ICONS.iter().any(|(known, ..)| *known == name);
                assert!(drawn || !is_name, "{name} in {}", path.display());
            }
        }
    }

    #[test]
    fn nothing_is_put_into_a_page_unescaped() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        for entry in std::fs::read_dir(dir).expect("templates") {
            let path = entry.expect("an entry").path();
            let text = std::fs::read_to_string(&path).expect("a template");
            for hole in ["|safe", "| safe", "|escape", " style=", "onclick", "onload", "onsubmit", "<script>"]
            {
                assert!(!text.contains(hole), "{hole} in {}", path.display());
            }
        }
    }
}

//! The files of the page, which are part of this binary.

use axum::http::header;
use axum::response::IntoResponse;

/// A file of the page.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Its path in the address.
    pub path: &'static str,
    kind: &'static str,
    text: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// What a browser may load: nothing from elsewhere.
const POLICY: &str =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'";

macro_rules! files {
    ($($path:literal, $kind:expr, $file:literal;)*) => {
        /// All of them.
        pub const FILES: &[File] = &[$(File { path: $path, kind: $kind, text: include_str!($file) }),*];
    };
}

files! {
    "/", HTML, "page/index.html";
    "/base.css", STYLE, "../page/style.css";
    "/app.css", STYLE, "page/app.css";
    "/address.js", SCRIPT, "page/address.js";
    "/app.js", SCRIPT, "page/app.js";
    "/chart.js", SCRIPT, "page/chart.js";
    "/columns.js", SCRIPT, "page/columns.js";
    "/compare.js", SCRIPT, "page/compare.js";
    "/dom.js", SCRIPT, "page/dom.js";
    "/filter.js", SCRIPT, "page/filter.js";
    "/keyboard.js", SCRIPT, "page/keyboard.js";
    "/list.js", SCRIPT, "page/list.js";
    "/nearest.js", SCRIPT, "page/nearest.js";
    "/row.js", SCRIPT, "page/row.js";
    "/run.js", SCRIPT, "page/run.js";
    "/sweep.js", SCRIPT, "page/sweep.js";
    "/table.js", SCRIPT, "page/table.js";
}

/// The answer with a file.
pub fn answer(file: &'static File) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, file.kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, file.text)
}

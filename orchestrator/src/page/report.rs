//! A run as one HTML file that needs nothing beside it and no script: to be mailed, or kept.

use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use super::STYLE;
use crate::compose::base64;
use crate::files::small;
use crate::history::{Detail, Evaluation, text};
use crate::plot;
use crate::report::number;

const TEMPLATE: &str = include_str!("report.html");
/// Of many previews, this many are shown: the first, the last, and some between.
const PREVIEWS: usize = 8;

/// The page of the run in `dir`, with these facts about it.
///
/// # Errors
/// None that is known; in words.
pub fn report(dir: &Path, detail: &Detail, facts: &[(&str, String)]) -> Result<String, String> {
    let figures: Vec<(&String, String)> =
        detail.run.figures.iter().map(|(name, value)| (name, number(*value))).collect();
    let (measured, evaluations) = Evaluation::table(&detail.evaluations);
    let charts: Vec<String> = plot::of_run(dir).iter().filter_map(plot::Chart::svg).collect();
    let shown = thinned(detail);
    let pictures: Vec<(String, String)> = shown
        .filter_map(|path| Some((path.display().to_string(), base64::encode(&small(&dir.join(path)).ok()?))))
        .collect();
    let config: Vec<(&String, String, String)> = detail
        .config
        .iter()
        .map(|(key, value)| (key, text(value), detail.origins.get(key).map(text).unwrap_or_default()))
        .collect();
    let mut environment = Environment::new();
    // A name that ends so has its values escaped.
    environment.add_template("report.html", TEMPLATE).map_err(|error| error.to_string())?;
    let template = environment.get_template("report.html").map_err(|error| error.to_string())?;
    let name = dir.display().to_string();
    let [facts, figures] = [Value::from(Serde(facts)), Value::from(Serde(&figures))];
    let [pictures, config] = [Value::from(Serde(&pictures)), Value::from(Serde(&config))];
    let [measured, evaluations] = [Value::from(Serde(&measured)), Value::from(Serde(&evaluations))];
    let values = context! { name, style => STYLE, facts, figures, measured, evaluations, charts, pictures, config };
    template.render(values).map_err(|error| format!("{error:#}"))
}

/// The pictures, of the previews only some.
fn thinned(detail: &Detail) -> impl Iterator<Item = &std::path::PathBuf> {
    let (previews, others): (Vec<_>, Vec<_>) =
        detail.pictures.iter().partition(|path| path.parent().is_some_and(|folder| folder.ends_with("previews")));
    let count = previews.len().min(PREVIEWS);
    let last = previews.len().saturating_sub(1);
    let chosen = (0..count).map(move |n| previews[n * last / (count - 1).max(1)]);
    others.into_iter().chain(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a user writes is text on the page, never markup.
    #[test]
    fn nothing_of_a_run_becomes_markup() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        crate::status::Status::here(crate::status::State::Done).write(dir.path()).unwrap();
        write(
            "spec.json",
            r#"{"command": {"argv": ["true"], "cwd": "/", "config": {"a": "<script>alert(1)</script>"}}}"#,
        );
        write("metrics.jsonl", "{\"step\":1,\"<b>\":2}\n{\"step\":2,\"<b>\":1}\n");
        let detail = Detail::read(dir.path()).unwrap();
        let page = report(dir.path(), &detail, &[("note", "<i>mine</i>".to_owned())]).unwrap();
        assert!(page.contains("&lt;script&gt;") && page.contains("&lt;i&gt;mine") && page.contains("<svg"));
        assert!(!page.contains("<script") && !page.contains("<i>") && !page.contains("<b>"), "{page}");
    }
}

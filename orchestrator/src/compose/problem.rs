//! What went wrong, as data, and the one place that turns it into text.
//!
//! Every stage of composing returns [`Problem`]s: what is wrong, with which key, who set the
//! value, and what to type instead. Nothing here prints.

use std::fmt;

use super::origin::{Origin, Trail};

/// A line longer than this is not shown again: its end would hide the message.
const SHOWN_BYTES: usize = 400;

/// What is underlined of the line, or word, that a problem is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Caret {
    /// The value.
    #[default]
    Value,
    /// The name of the key.
    Key,
    /// One character, counted from 1.
    Column(usize),
    /// Nothing: what is wrong is that something is not there.
    Hidden,
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// What is wrong, without a full stop.
    pub message: String,
    /// The dotted path of the value concerned, where there is one.
    pub key: Option<String>,
    /// Who set the value concerned.
    pub trail: Trail,
    /// What of the winner's text is underlined.
    pub caret: Caret,
    /// The nearest valid name, or what to type instead.
    pub hint: Option<String>,
    /// The jobs of a sweep that it is in.
    pub jobs: Option<Box<Jobs>>,
}

/// Jobs of a sweep, each by its overrides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jobs(Vec<String>);

impl Problem {
    /// A problem of which only the message is known.
    pub fn new(message: impl Into<String>) -> Self {
        let (trail, caret) = (Trail::default(), Caret::default());
        Self { message: message.into(), key: None, trail, caret, hint: None, jobs: None }
    }

    /// Names the key concerned.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Says who set the value concerned.
    pub fn trail(mut self, trail: &Trail) -> Self {
        self.trail = trail.clone();
        self
    }

    /// Says where the value concerned was set, if that is not known yet.
    pub fn origin(mut self, origin: &Origin) -> Self {
        if self.trail.winner().is_none() {
            self.trail = Trail::new(origin.clone());
        }
        self
    }

    /// Says what of the winner's text is underlined.
    pub fn caret(mut self, caret: Caret) -> Self {
        self.caret = caret;
        self
    }

    /// Says what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds `did you mean ...` for the nearest of `names`, if one is like `wrong` at all.
    pub fn near(self, wrong: &str, names: &[&str]) -> Self {
        match nearest(wrong, names) {
            Some(name) => self.hint(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    /// As [`Problem::near`], or else the list of all `names`.
    pub fn nearest<'a>(self, wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        let problem = self.near(wrong, &names);
        let listed = problem.hint.is_none() && !names.is_empty();
        if listed { problem.hint(format!("one of: {}", shortened(&names))) } else { problem }
    }
}

impl Problem {
    /// The line concerned with a caret under the place: a file's line, or the word typed.
    fn place(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (gutter, text, start) = match self.trail.winner() {
            Some(Origin::File { source, line, col }) => (line.to_string(), source.line(*line), *col),
            Some(Origin::Override { text }) => (String::new(), &**text, 1),
            _ => return Ok(()),
        };
        let name = self.key.as_deref().map(|key| key.rsplit('.').next().unwrap_or(key));
        let value = if gutter.is_empty() { text.find('=').map_or(0, |at| at + 1) } else { 0 };
        let found = |name: &str| {
            if !gutter.is_empty() {
                // Not where a value has the word in it. What a map is blamed for stands in its first line, without its key.
                let is_key = |at: &usize| text[at + name.len()..].trim_start_matches(['\'', '"', ' ']).starts_with(':');
                return text.match_indices(name).map(|(at, _)| at).find(is_key);
            }
            // A key of a map behind the `=` may be a part of the word's own key as well.
            let own = text[..value].trim_matches(['+', '=']);
            match self.key.as_deref().and_then(|key| key.strip_prefix(own)).unwrap_or("?").chars().next() {
                None => text[..value].rfind(name),
                Some('.') => Some(value + text[value..].find(name)?),
                Some(_) => text.find(name),
            }
        };
        let (column, width) = match (self.caret, name.and_then(|name| Some((name, found(name)?)))) {
            (Caret::Hidden, _) => return Ok(()),
            (Caret::Column(column), _) => (column, 1),
            (Caret::Key, Some((name, at))) => (text[..at].chars().count() + 1, name.chars().count()),
            _ if gutter.is_empty() => (text[..value].chars().count() + 1, text[value..].chars().count().max(1)),
            _ => (start, text.chars().skip(start - 1).take_while(|c| !c.is_whitespace()).count().max(1)),
        };
        if text.len() > SHOWN_BYTES || text.trim().is_empty() {
            return Ok(());
        }
        let before: String = text.chars().take(column - 1).map(|c| if c == '\t' { c } else { ' ' }).collect();
        let (margin, carets) = (" ".repeat(gutter.len()), "^".repeat(width));
        write!(f, "\n  {margin} |\n  {gutter} | {text}\n  {margin} | {before}{carets}")
    }
}

impl Problem {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)?;
        for (n, line) in self.trail.to_string().lines().enumerate() {
            write!(f, "\n  {line}")?;
            if n == 0 {
                self.place(f)?;
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.jobs.as_ref().map_or(&[][..], |jobs| &jobs.0) {
            [] => {}
            [job] => writeln!(f, "in the job `{job}`:")?,
            [job, others @ ..] => writeln!(f, "in the job `{job}`, and in {} more:", others.len())?,
        }
        f.write_str("error: ")?;
        self.write(f)
    }
}

/// What is odd, and no error because Hydra accepts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(pub Problem);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("warning: ")?;
        self.0.write(f)
    }
}

/// Everything that one stage found wrong; never empty when returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// `Ok(value)` if nothing was found.
    pub fn or_ok<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// Keeps the value of a success, collects the problem of a failure.
    pub fn collect<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.0.push(problem)).ok()
    }

    /// Says in which job of a sweep they are.
    pub fn in_job(mut self, overrides: &[String]) -> Self {
        let jobs = Box::new(Jobs(vec![overrides.join(" ")]));
        self.0.iter_mut().for_each(|problem| problem.jobs = Some(jobs.clone()));
        self
    }

    /// Adds those of another job, what is the same in both once: also where one word of the sweep has another value in each.
    pub fn merge(&mut self, others: Problems) {
        for other in others.0 {
            let same = |problem: &&mut Problem| {
                (&problem.message, &problem.key) == (&other.message, &other.key) && problem.trail.is_alike(&other.trail)
            };
            match (self.0.iter_mut().find(same), other.jobs) {
                (Some(Problem { jobs: Some(jobs), .. }), Some(others)) => jobs.0.extend(others.0),
                (Some(_), _) => {}
                (None, jobs) => self.0.push(Problem { jobs, ..other }),
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps the value of a success, collects all problems of a failure.
    pub fn collect_all<T>(&mut self, result: Result<T, Problems>) -> Option<T> {
        result.map_err(|problems| self.0.extend(problems.0)).ok()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// The name most like `wrong`, if one is like it at all.
pub fn nearest<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    const LIKE: f64 = 0.75;
    // One slip in a short name is a slip all the same, of which the first measure thinks too little.
    let slip = |name: &str| wrong.len() > 2 && strsim::osa_distance(wrong, name) == 1;
    let likeness = |name: &str| strsim::jaro_winkler(wrong, name).max(if slip(name) { LIKE } else { 0.0 });
    names
        .iter()
        .map(|name| (likeness(name), *name))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// The names, as a list short enough to read.
pub(super) fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 20;
    let mut text = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(", ... ({} more)", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::origin::Source;

    #[test]
    fn a_problem_names_key_trail_and_remedy() {
        let file = |name: &str, line| Trail::new(Origin::File { source: Source::new(&name.into(), ""), line, col: 1 });
        let word = Origin::Override { text: "loss.huber.c=-0.03".into() };
        let trail = Trail::new(word)
            .overriding(&file("conf/experiment/score_guided.yaml", 7).overriding(&file("conf/loss/ict.yaml", 3)));
        let problem = Problem::new("expected a number above 0, found -0.03")
            .key("loss.huber.c")
            .trail(&trail)
            .hint("leave it out");
        assert_eq!(
            problem.to_string(),
            "error: loss.huber.c: expected a number above 0, found -0.03\n  \
             --> command line: `loss.huber.c=-0.03`\n   \
             |\n   | loss.huber.c=-0.03\n   |              ^^^^^\n  \
             overrides conf/experiment/score_guided.yaml:7, which overrides conf/loss/ict.yaml:3\n  \
             hint: leave it out"
        );
    }

    #[test]
    fn a_near_name_is_offered_and_a_far_one_is_not() {
        assert_eq!(nearest("mysq", &["pg", "mysql"]), Some("mysql"));
        assert_eq!(nearest("zzz", &["pg", "mysql"]), None);
    }
}

//! What a search chooses from: an axis for each key that has several values.
//!
//! Hydra's own functions span it: `choice(a,b)`, `a,b` and `glob(*)` give options without order, `range(...)` the numbers that it
//! lists, in order, `interval(a,b)` all numbers between, `int(interval(a,b))` the whole ones; `tag(log,...)` asks for a
//! logarithmic scale.

use super::older::Older;
use crate::compose::overrides::{Number, Override, Parsed, Sweep, SweepValues};
use crate::compose::sweep::values;
use crate::compose::{Composed, Library, Problem, Problems, float_text};

/// The axes, and the words that are the same at every point.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    axes: Vec<Axis>,
    fixed: Vec<String>,
}

/// The values of one key.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The key, with its prefix, as in an override.
    pub key: String,
    /// What it can be.
    pub kind: Kind,
}

/// What an axis can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Options without order, as they are written.
    Options(Vec<String>),
    /// Numbers in order, as they are written, and whether their logarithms are evenly spread.
    Listed(Vec<String>, Option<Vec<f64>>),
    /// All numbers between two; whether their logarithms are evenly spread.
    Between(f64, f64, bool),
    /// All whole numbers from one to another; whether their logarithms are evenly spread.
    Whole(i64, i64, bool),
}

impl Space {
    /// The space that the words of a sweep span.
    ///
    /// # Errors
    /// Words that cannot be parsed, and sweeps that are no axis.
    pub fn of(words: &[String], library: &Library) -> Result<Space, Problems> {
        let mut problems = Problems::default();
        let mut space = Space { axes: Vec::new(), fixed: Vec::new() };
        for item in Override::parse_all(words)?.iter().filter(|item| !item.is_hydra()) {
            let key = item.prefixed_key();
            // A key given again takes the last values.
            space.axes.retain(|axis| axis.key != key);
            space.fixed.retain(|word| !word.starts_with(&format!("{key}=")));
            let Some(Parsed::Sweep(sweep)) = &item.value else {
                let value = values(item, library, 0).map_err(|message| problem(item, message));
                space.fixed.extend(problems.collect(value).into_iter().flatten().map(|text| format!("{key}={text}")));
                continue;
            };
            if let Some(kind) = problems.collect(kind(item, sweep, library).map_err(|message| problem(item, message))) {
                space.axes.push(Axis { key, kind });
            }
        }
        if space.axes.is_empty() && problems.0.is_empty() {
            let message = "there is nothing to choose: no key has several values";
            return Err(Problem::new(message).hint("train.lr='tag(log,interval(1e-5,1e-2))'").into());
        }
        problems.or_ok(space)
    }

    /// The space that a configuration spans: its older block, if it has one, then its parameters and its overrides.
    ///
    /// # Errors
    /// As [`Space::of`].
    pub fn asked(master: &Composed, library: &Library) -> Result<Space, Problems> {
        let older = Older::of("hydra.sweeper", &master.sweeper()?)?;
        let mut words = older.map(|older| older.words()).unwrap_or_default();
        words.extend(master.sweep_words()?);
        Space::of(&words, library)
    }

    /// The axes, in order.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// The overrides of a point: those of all points, then those of its coordinates, which lie in [0, 1).
    pub fn words(&self, point: &[f64]) -> Vec<String> {
        self.fixed.iter().cloned().chain(self.chosen(point)).collect()
    }

    /// The overrides of the coordinates of a point alone.
    pub fn chosen(&self, point: &[f64]) -> Vec<String> {
        self.axes.iter().zip(point).map(|(axis, at)| format!("{}={}", axis.key, axis.kind.text(*at))).collect()
    }
}

impl Kind {
    /// The value at a coordinate in [0, 1), as text.
    fn text(&self, at: f64) -> String {
        match self {
            Kind::Options(texts) | Kind::Listed(texts, None) => texts[index(at, texts.len())].clone(),
            Kind::Listed(texts, Some(logs)) => {
                // Each number takes the share from half way to the one before it to half way to the next.
                let (low, high) = (logs[0], logs[logs.len() - 1]);
                let wanted = low + at * (high - low);
                let near = |a: &&f64, b: &&f64| (*a - wanted).abs().total_cmp(&(*b - wanted).abs());
                let nearest = logs.iter().min_by(near).and_then(|log| logs.iter().position(|other| other == log));
                texts[nearest.unwrap_or(0)].clone()
            }
            Kind::Between(low, high, false) => float_text(low + at * (high - low)),
            Kind::Between(low, high, true) => float_text((low * (high / low).powf(at)).min(*high)),
            // Each number takes what would be rounded to it.
            Kind::Whole(low, high, logarithmic) => {
                let (first, last) = (*low as f64 - 0.5, *high as f64 + 0.5);
                let wanted = if *logarithmic { first * (last / first).powf(at) } else { first + at * (last - first) };
                (wanted.round() as i64).clamp(*low, *high).to_string()
            }
        }
    }
}

/// Which of `count` equal parts of [0, 1) a coordinate lies in.
fn index(at: f64, count: usize) -> usize {
    ((at * count as f64) as usize).min(count - 1)
}

fn kind(item: &Override, sweep: &Sweep, library: &Library) -> Result<Kind, String> {
    if sweep.zipped {
        return Err("zip pairs the values of a grid; a search chooses every key by itself".to_owned());
    }
    let logarithmic = sweep.tags.iter().any(|tag| tag == "log");
    if let SweepValues::Interval { start, end } = &sweep.values {
        let (low, high) = (start.as_f64(), end.as_f64());
        if !(low < high && (high - low).is_finite()) {
            return Err(format!("expected an interval from a number to a larger one, found {low} to {high}"));
        }
        if logarithmic && low <= 0.0 {
            return Err(format!("a logarithmic scale begins above 0, not at {low}"));
        }
        return Ok(match (start, end) {
            (Number::Int(low), Number::Int(high)) => whole(*low, *high, logarithmic)?,
            _ => Kind::Between(low, high, logarithmic),
        });
    }
    let texts = values(item, library, 0)?;
    if texts.is_empty() {
        return Err("there are no values".to_owned());
    }
    let SweepValues::Range { .. } = sweep.values else { return Ok(Kind::Options(texts)) };
    let logs = texts.iter().map(|text| text.parse().map(f64::ln).ok().filter(|log: &f64| log.is_finite()));
    match logarithmic {
        false => Ok(Kind::Listed(texts, None)),
        true => match logs.collect::<Option<Vec<f64>>>() {
            Some(logs) => Ok(Kind::Listed(texts, Some(logs))),
            None => Err("a logarithmic scale begins above 0".to_owned()),
        },
    }
}

fn whole(low: i128, high: i128, logarithmic: bool) -> Result<Kind, String> {
    match (i64::try_from(low), i64::try_from(high)) {
        (Ok(low), Ok(high)) => Ok(Kind::Whole(low, high, logarithmic)),
        _ => Err(format!("expected whole numbers of 64 bits, found {low} to {high}")),
    }
}

fn problem(item: &Override, message: String) -> Problem {
    Problem::new(message).key(item.full_key()).origin(&item.origin())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Place, SearchPath};

    fn space(words: &[&str]) -> Result<Space, Problems> {
        let library = Library::new(SearchPath::new(Place::Embedded(&[("db/my.yaml", ""), ("db/pg.yaml", "")])));
        Space::of(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), &library)
    }

    #[test]
    fn every_function_of_hydra_spans_an_axis() {
        let words = ["a=1,2", "b=range(0,3)", "c=interval(1,3)", "d=tag(log,interval(1e-4,1))", "e=7", "+db=glob(*)"];
        let space = space(&words).expect("a space");
        assert_eq!(space.words(&[0.0; 5]).join(" "), "e=7 a=1 b=0 c=1.0 d=0.0001 +db=my");
        assert_eq!(space.words(&[0.5, 0.5, 0.5, 0.5, 0.5]).join(" "), "e=7 a=2 b=1 c=2.0 d=0.01 +db=pg");
        let last = space.words(&[1.0 - f64::EPSILON; 5]).join(" ");
        assert!(last.starts_with("e=7 a=2 b=2 c=2.9"), "{last}");
    }

    #[test]
    fn a_logarithmic_range_gives_small_numbers_as_much_room() {
        let space = space(&["n=tag(log,range(1,1001,333))"]).expect("a space");
        let texts: Vec<String> = [0.0, 0.4, 0.5, 0.85, 0.99].map(|at| space.words(&[at])[0].clone()).to_vec();
        assert_eq!(texts, ["n=1", "n=1", "n=334", "n=334", "n=1000"]);
    }

    #[test]
    fn whole_numbers_between_two_are_drawn_evenly_or_by_their_logarithms() {
        let space = space(&["n=int(interval(1,4))", "m=tag(log,int(interval(1,64)))"]).expect("a space");
        let counted = |axis: usize, text: &str| {
            let points = (0..1000).map(|n| vec![f64::from(n) / 1000.0; 2]);
            points.filter(|point| space.words(point)[axis] == text).count()
        };
        assert_eq!(["n=1", "n=2", "n=3", "n=4"].map(|text| counted(0, text)), [250; 4]);
        // From 0.5 to 1.5 lie ln(3) of the ln(129) from 0.5 to 64.5.
        assert_eq!([counted(1, "m=1"), counted(1, "m=64")], [227, 3]);
    }

    #[test]
    fn what_is_no_axis_is_refused() {
        for (word, part) in [
            ("a=1", "there is nothing to choose"),
            ("a=interval(3,1)", "to a larger one, found 3 to 1"),
            ("a=tag(log,interval(0,1))", "begins above 0, not at 0"),
            ("a=zip(1,2)", "zip pairs the values of a grid"),
            ("a=tag(log,range(0,4))", "begins above 0"),
        ] {
            let found = space(&[word]).expect_err(word).to_string();
            assert!(found.contains(part), "{found}");
        }
    }
}

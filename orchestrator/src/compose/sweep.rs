//! The points of a sweep: every combination of the values that its overrides list.
//!
//! Works on words and gives words: each point is the overrides of one job, written out again as
//! Hydra writes them. Points are made one at a time; what a job does with them is not known here.

use std::cmp::Ordering;

use indexmap::IndexMap;

use super::decimal::Decimal;
use super::fragment::Library;
use super::glob;
use super::node::Value;
use super::overrides::{Element, Number, Override, Parsed, Sweep, SweepValues, shuffled};
use super::problem::{Problem, Problems};

/// How many values one key may have.
const MAX_VALUES: usize = 1_000_000;

/// The values of each key, the slowest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    columns: Vec<Column>,
    /// How many values each axis has; zipped keys share one.
    axes: Vec<usize>,
}

/// The words of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    words: Vec<String>,
    axis: usize,
}

/// Reads the overrides of a sweep: those of `hydra.sweeper.params`, then the command line's. Words
/// of the `hydra` node are left out. `seed` decides the order of `shuffle(...)`.
///
/// # Errors
/// Words that cannot be parsed, sweeps whose values cannot be listed, and zipped sweeps of different lengths.
pub fn expand(words: &[String], library: &Library, seed: u64) -> Result<Grid, Problems> {
    let overrides = Override::parse_all(words)?;
    let mut problems = Problems::default();
    let mut keys: IndexMap<String, (&Override, Vec<String>)> = IndexMap::new();
    for (n, item) in overrides.iter().filter(|item| !item.is_hydra()).enumerate() {
        let key = item.prefixed_key();
        let values = values(item, library, seed.wrapping_add(n as u64))
            .map_err(|message| Problem::new(message).key(item.full_key()).origin(&item.origin()));
        if let Some(values) = problems.collect(values) {
            // A key given again keeps its first position and takes the last values.
            keys.insert(key.clone(), (item, values.iter().map(|value| format!("{key}={value}")).collect()));
        }
    }
    let mut grid = Grid { columns: Vec::new(), axes: Vec::new() };
    let mut zip: Option<(usize, &Override)> = None;
    for (item, words) in keys.into_values() {
        let zipped = item.sweep().is_some_and(|sweep| sweep.zipped);
        let axis = match zip {
            Some((axis, first)) if zipped => {
                if grid.axes[axis] != words.len() {
                    let (other, key) = (first.full_key(), item.full_key());
                    let message =
                        format!("{} values cannot be paired with the {} of `{other}`", words.len(), grid.axes[axis]);
                    problems.0.push(Problem::new(message).key(key).origin(&item.origin()));
                }
                axis
            }
            _ => {
                grid.axes.push(words.len());
                grid.axes.len() - 1
            }
        };
        if zipped {
            zip.get_or_insert((axis, item));
        }
        grid.columns.push(Column { words, axis });
    }
    problems.or_ok(grid)
}

impl Grid {
    /// How many points there are; `None` if that is beyond counting.
    pub fn len(&self) -> Option<usize> {
        self.axes.iter().try_fold(1_usize, |product, len| product.checked_mul(*len))
    }

    /// Whether there are no points at all.
    pub fn is_empty(&self) -> bool {
        self.axes.contains(&0)
    }

    /// The points in order: the last key changes fastest.
    pub fn points(&self) -> impl Iterator<Item = Vec<String>> + '_ {
        let mut next = (!self.is_empty()).then(|| vec![0; self.axes.len()]);
        std::iter::from_fn(move || {
            let here = next.take()?;
            next = self.after(&here);
            Some(self.columns.iter().map(|column| column.words[here[column.axis]].clone()).collect())
        })
    }

    fn after(&self, here: &[usize]) -> Option<Vec<usize>> {
        let mut next = here.to_vec();
        for (digit, len) in next.iter_mut().zip(&self.axes).rev() {
            *digit += 1;
            if *digit < *len {
                return Some(next);
            }
            *digit = 0;
        }
        None
    }
}

/// The values of one override, as text.
///
/// # Errors
/// They cannot be listed.
pub fn values(item: &Override, library: &Library, seed: u64) -> Result<Vec<String>, String> {
    let sweep = match &item.value {
        None => return Ok(vec!["null".to_owned()]),
        Some(Parsed::Element(element)) => return Ok(vec![element.to_text()]),
        Some(Parsed::Replace(element)) => return Ok(vec![format!("replace({})", element.to_text())]),
        Some(Parsed::Extend(items)) => {
            let items: Vec<String> = items.iter().map(Element::to_text).collect();
            return Ok(vec![format!("extend_list({})", items.join(","))]);
        }
        Some(Parsed::Sweep(sweep)) => sweep,
    };
    let mut values = listed(sweep, &item.key, library)?;
    if sweep.shuffled {
        shuffled(&mut values, seed);
    }
    Ok(values)
}

fn listed(sweep: &Sweep, key: &str, library: &Library) -> Result<Vec<String>, String> {
    match &sweep.values {
        SweepValues::Choice { items, .. } => Ok(items.iter().map(Element::to_text).collect()),
        SweepValues::Range { start, stop, step } => {
            let texts = |n: Number| {
                Element::Plain(match n {
                    Number::Int(n) => Value::Int(n),
                    Number::Float(x) => Value::Float(x),
                })
                .to_text()
            };
            Ok(range(*start, *stop, *step)?.into_iter().map(texts).collect())
        }
        SweepValues::Interval { .. } => {
            Err("an interval has no list of values; a sweeper that chooses values is needed".to_owned())
        }
        SweepValues::Glob { include, exclude } => {
            let matches =
                |patterns: &[String], option: &str| patterns.iter().any(|pattern| glob::matches(pattern, option));
            let options = library.search.options(key).into_iter();
            let wanted = options.filter(|o| matches(include, o) && !matches(exclude, o));
            Ok(wanted.map(|option| Element::text(option).to_text()).collect())
        }
    }
}

/// The numbers from `start` on, `stop` excluded.
fn range(start: Number, stop: Number, step: Number) -> Result<Vec<Number>, String> {
    let too_many = || format!("more than {MAX_VALUES} values");
    if step.as_f64() == 0.0 {
        return Err("the step of a range may not be 0".to_owned());
    }
    let mut numbers = Vec::new();
    if let (Number::Int(start), Number::Int(stop), Number::Int(step)) = (start, stop, step) {
        let mut n = start;
        while if step > 0 { n < stop } else { n > stop } {
            numbers.push(Number::Int(n));
            if numbers.len() > MAX_VALUES {
                return Err(too_many());
            }
            n = n.checked_add(step).ok_or_else(too_many)?;
        }
        return Ok(numbers);
    }
    let decimals = [start, stop, step].map(|n| Decimal::new(n.as_f64()));
    let [Some(mut n), Some(stop), Some(step)] = decimals else {
        return Err("the numbers of a range must be finite".to_owned());
    };
    let below = if step.is_positive() { Ordering::Less } else { Ordering::Greater };
    while n.order(stop) == below {
        numbers.push(Number::Float(n.to_f64()));
        if numbers.len() > MAX_VALUES {
            return Err(too_many());
        }
        n = n.plus(step);
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::search::{Place, SearchPath};

    fn points(words: &[&str]) -> Result<Vec<String>, Problems> {
        let files = &[("db/my.yaml", ""), ("db/pg.yaml", "")];
        let library = Library::new(SearchPath::new(Place::Embedded(files)));
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        Ok(expand(&words, &library, 1)?.points().map(|point| point.join(" ")).collect())
    }

    #[test]
    fn the_last_key_changes_fastest() {
        assert_eq!(points(&["a=1,2", "b=x,y"]).expect("a grid"), ["a=1 b=x", "a=1 b=y", "a=2 b=x", "a=2 b=y"]);
        assert_eq!(points(&["lr=1", "n=1,2", "lr=3"]).expect("a grid"), ["lr=3 n=1", "lr=3 n=2"]);
        assert_eq!(points(&["a=range(3,1)"]).expect("a grid"), [""; 0]);
        assert_eq!(points(&[]).expect("a grid"), [""]);
    }

    #[test]
    fn values_are_listed_as_hydra_lists_them() {
        for (word, want) in [
            ("a=range(0,0.3,0.1)", "a=0.0|a=0.1|a=0.2"),
            ("a=range(3)", "a=0|a=1|a=2"),
            ("a=range(0,1,0.25)", "a=0.0|a=0.25|a=0.5|a=0.75"),
            ("a=sort(range(0,5,2),reverse=true)", "a=3|a=1|a=-1"),
            ("a=choice(x,'y',true,1e-3)", "a=x|a=y|a=True|a=0.001"),
            ("db=glob(*)", "db=my|db=pg"),
            ("db=glob(*,exclude=p*)", "db=my"),
            ("~a", "~a=null"),
            ("a=", "a="),
        ] {
            assert_eq!(points(&[word]).expect(word).join("|"), want);
        }
        assert!(points(&["a=interval(0,1)"]).is_err());
        assert!(points(&["a=range(0,1,0)"]).is_err());
    }

    #[test]
    fn zipped_sweeps_walk_in_step() {
        let all = points(&["a=zip(1,2)", "b=x,y", "c=zip(range(3,5))", "d=5"]).expect("a grid");
        assert_eq!(all, ["a=1 b=x c=3 d=5", "a=1 b=y c=3 d=5", "a=2 b=x c=4 d=5", "a=2 b=y c=4 d=5"]);
        let refused = points(&["a=zip(1,2)", "b=zip(1,2,3)"]).expect_err("unequal").to_string();
        assert!(refused.contains("b: 3 values cannot be paired with the 2 of `a`"), "{refused}");
        assert!(points(&["a=shuffle(zip(1,2))"]).is_err() && points(&["a=zip()"]).is_err());
    }

    #[test]
    fn shuffling_depends_on_the_seed_alone() {
        let once = points(&["a=shuffle(range(9))"]);
        assert_eq!(once, points(&["a=shuffle(range(9))"]));
        assert_eq!(once.expect("a grid").len(), 9);
    }
}

//! A part of a tree with every interpolation in it replaced by its value.

use super::resolve::{Failure, Resolver, Target};
use crate::compose::merge::dotted;
use crate::compose::node::{Key, MISSING, Map, Node, Value};
use crate::compose::problem::{Problem, Problems};

impl Resolver<'_> {
    /// A copy of a node; collects the problems of its leaves.
    pub(super) fn collect(&self, place: &[Key], node: &Node, problems: &mut Problems) -> Node {
        let copied = if node.value.is_container() {
            self.rebuilt(place, node, |place, child| Ok(self.collect(place, child, problems)))
        } else {
            self.copy(place, node)
        };
        problems.collect(copied).unwrap_or_else(|| node.clone())
    }

    /// A node with all that is below it resolved.
    pub(super) fn copy(&self, place: &[Key], node: &Node) -> Result<Node, Problem> {
        self.steps(1)?;
        let made = |value| Ok(Node { value, trail: node.trail.clone() });
        match &node.value {
            Value::Map(_) | Value::List(_) => {
                self.rebuilt(place, node, |place, child| self.deeper(|| self.copy(place, child)))
            }
            Value::Str(text) if node.value.is_interpolated() => {
                let described = |problem: Problem| match problem.key {
                    Some(_) => problem,
                    None => problem.key(dotted(place)).trail(&node.trail),
                };
                match self.text(text, place) {
                    // The value takes the place of the text, where every text must follow the grammar.
                    Ok(Target::Made(Value::Str(text))) => {
                        super::check(&text).map_err(described)?;
                        made(Value::Str(text))
                    }
                    Ok(Target::Made(value)) => made(value),
                    Ok(Target::Place(target, found)) => {
                        let copy = self.deeper(|| self.copy(&target, found)).map_err(described)?;
                        made(copy.value)
                    }
                    Err(Failure::Missing) => made(Value::str(MISSING)),
                    Err(Failure::Problem(problem)) => Err(described(problem)),
                }
            }
            other => made(other.clone()),
        }
    }

    /// A list or map whose children, as far as they are in sight, went through `each`.
    fn rebuilt(
        &self,
        place: &[Key],
        node: &Node,
        mut each: impl FnMut(&[Key], &Node) -> Result<Node, Problem>,
    ) -> Result<Node, Problem> {
        // Of the root, not everything may be in sight.
        if !place.is_empty() && !node.has_interpolations() {
            return self.steps(node.size()).map(|()| node.clone());
        }
        let mut below = |key: Key, child: &Node| {
            let mut place = place.to_vec();
            place.push(key);
            each(&place, child)
        };
        let value = match &node.value {
            Value::Map(entries) => {
                let seen = entries.iter().filter(|(key, _)| !place.is_empty() || self.scope.sees(key));
                let copied = seen.map(|(key, child)| Ok((key.clone(), below(key.clone(), child)?)));
                Value::Map(copied.collect::<Result<Map, Problem>>()?)
            }
            Value::List(items) => {
                let items = items.iter().enumerate();
                Value::List(items.map(|(n, child)| below(Key::Int(n as i128), child)).collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        };
        Ok(Node { value, trail: node.trail.clone() })
    }
}

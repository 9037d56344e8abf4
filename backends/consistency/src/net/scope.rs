//! One module of a network while it is planned.
//!
//! Owns how parameters get their names: explicit ones, or a class and its number in the order of planning, as Flax
//! counts. Also gathers what the configuration makes impossible, so that a plan reports all of it and never panics.
//! In: a [`Plan`] to add to, and where the configuration sets the module's width.

use exp_api::Problem;

use crate::params::{Init, ParamId, Plan};

/// A place in the tree of modules.
pub struct Scope<'a> {
    plan: &'a mut Plan,
    problems: &'a mut Vec<Problem>,
    group: &'a str,
    width: &'a str,
    numbers: Vec<(&'static str, usize)>,
}

impl<'a> Scope<'a> {
    /// The place where a network begins, which a `group` of the configuration describes; its key `width` sets how
    /// many channels there are.
    pub fn new(plan: &'a mut Plan, problems: &'a mut Vec<Problem>, group: &'a str, width: &'a str) -> Scope<'a> {
        Scope { plan, problems, group, width, numbers: Vec::new() }
    }

    /// Plans a module called `name`.
    pub fn child<R>(&mut self, name: &str, build: impl FnOnce(&mut Scope) -> R) -> R {
        let (problems, group, width) = (&mut *self.problems, self.group, self.width);
        self.plan.scope(name, |plan| build(&mut Scope::new(plan, problems, group, width)))
    }

    /// Plans the next module of a class: `Conv_0`, `Conv_1`, ...
    pub fn next<R>(&mut self, class: &'static str, build: impl FnOnce(&mut Scope) -> R) -> R {
        let number = match self.numbers.iter_mut().find(|(known, _)| *known == class) {
            Some((_, last)) => {
                *last += 1;
                *last
            }
            None => {
                self.numbers.push((class, 0));
                0
            }
        };
        self.child(&format!("{class}_{number}"), build)
    }

    /// Plans a trained parameter.
    pub fn param(&mut self, name: &str, shape: &[usize], init: Init) -> ParamId {
        self.plan.param(name, shape, init)
    }

    /// Plans a parameter that training leaves alone.
    pub fn fixed(&mut self, name: &str, shape: &[usize], init: Init) -> ParamId {
        self.plan.fixed(name, shape, init)
    }

    /// A number that no earlier place of the network has, for what draws at random there.
    pub fn site(&self) -> u64 {
        self.plan.specs().len() as u64
    }

    /// Notes what is wrong with a key of the group, or else with the width; each message once.
    pub fn problem(&mut self, key: Option<&str>, message: String) {
        let problem = Problem::new(format!("{}.{}", self.group, key.unwrap_or(self.width)), message);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_numbered_within_their_module() {
        let (mut plan, mut problems) = (Plan::default(), Vec::new());
        let mut root = Scope::new(&mut plan, &mut problems, "model.torso", "nf");
        let leaf = |scope: &mut Scope, class| {
            scope.next(class, |s| s.param("W", &[1], Init::Zeros));
        };
        leaf(&mut root, "Conv");
        root.child("inner", |s| leaf(s, "Conv"));
        leaf(&mut root, "Dense");
        leaf(&mut root, "Conv");
        assert_eq!(root.site(), 4);
        let names: Vec<&str> = plan.specs().iter().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["Conv_0/W", "inner/Conv_0/W", "Dense_0/W", "Conv_1/W"]);
    }

    #[test]
    fn a_problem_is_told_once() {
        let (mut plan, mut problems) = (Plan::default(), Vec::new());
        let mut root = Scope::new(&mut plan, &mut problems, "model.torso", "nf");
        root.problem(None, "too odd".into());
        root.child("inner", |s| s.problem(None, "too odd".into()));
        root.problem(Some("n_heads"), "too odd".into());
        let expected = ["model.torso.nf", "model.torso.n_heads"].map(|key| Problem::new(key, "too odd"));
        assert_eq!(problems, expected);
    }
}

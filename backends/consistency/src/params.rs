//! Parameters: names, shapes and initial values as data, and sets of tensors in that order.
//!
//! A network is planned once, with no tensors: it asks a [`Plan`] for its parameters and keeps their [`ParamId`]s. Its
//! forward pass then reads any [`Params`] set of that plan: student, moving average, moments, gradients. Names are
//! paths of layer classes numbered in execution order, as Flax writes them; they are the names on disk.

use std::ops::Index;
use std::sync::Arc;

use crate::rng::{Draw, Purpose};

/// Place of a parameter in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamId(usize);

/// How a parameter starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// Uniform in plus or minus this bound.
    Uniform(f64),
    /// Normal with this standard deviation.
    Normal(f64),
    /// Normal, cut at two deviations, so that this standard deviation is left.
    TruncatedNormal(f64),
}

/// Standard deviation of a standard normal number that is known to lie within 2 of 0.
const LEFT_BY_THE_CUT: f64 = 0.879_625_661_034_239_8;

/// One planned parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamSpec {
    /// Path, such as `torso/Conv_0/kernel`.
    pub name: String,
    /// Sizes of its axes.
    pub shape: Vec<usize>,
    /// How it starts.
    pub init: Init,
    /// Whether training changes it (Fourier frequencies stay as drawn).
    pub trained: bool,
}

impl ParamSpec {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The parameters of a network in the order in which it asked for them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    specs: Vec<ParamSpec>,
    scope: Vec<String>,
}

impl Plan {
    /// Plans one trained parameter below the current scope.
    pub fn param(&mut self, name: &str, shape: &[usize], init: Init) -> ParamId {
        self.push(name, shape, init, true)
    }

    /// Plans one parameter that training leaves alone.
    pub fn fixed(&mut self, name: &str, shape: &[usize], init: Init) -> ParamId {
        self.push(name, shape, init, false)
    }

    /// Plans what `build` asks for below `name`.
    pub fn scope<R>(&mut self, name: &str, build: impl FnOnce(&mut Plan) -> R) -> R {
        self.scope.push(name.to_owned());
        let built = build(self);
        self.scope.pop();
        built
    }

    /// The planned parameters.
    pub fn specs(&self) -> &[ParamSpec] {
        &self.specs
    }

    /// Number of values in all parameters whose name starts with `prefix`.
    pub fn count(&self, prefix: &str) -> usize {
        self.specs.iter().filter(|spec| spec.name.starts_with(prefix)).map(ParamSpec::len).sum()
    }

    /// Initial values of parameter `id`: a function of (seed, name), so that adding a layer leaves the others alone.
    pub fn initial(&self, id: usize, seed: u64) -> Vec<f32> {
        let spec = &self.specs[id];
        let mut stream = Draw::new(seed, Purpose::Init, 0).image(name_hash(&spec.name));
        let mut draw = |value: &mut dyn FnMut(&mut crate::rng::Stream) -> f64| -> Vec<f32> {
            (0..spec.len()).map(|_| value(&mut stream) as f32).collect()
        };
        match spec.init {
            Init::Zeros => vec![0.0; spec.len()],
            Init::Ones => vec![1.0; spec.len()],
            Init::Uniform(bound) => draw(&mut |s| (2.0 * s.uniform() - 1.0) * bound),
            Init::Normal(std) => draw(&mut |s| s.normal() * std),
            Init::TruncatedNormal(std) => draw(&mut |s| {
                let inside = std::iter::repeat_with(|| s.normal()).find(|z| z.abs() < 2.0);
                inside.unwrap_or_default() * std / LEFT_BY_THE_CUT
            }),
        }
    }

    fn push(&mut self, name: &str, shape: &[usize], init: Init, trained: bool) -> ParamId {
        let mut path = self.scope.join("/");
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(name);
        self.specs.push(ParamSpec { name: path, shape: shape.to_vec(), init, trained });
        ParamId(self.specs.len() - 1)
    }
}

/// FNV-1a, a stable 64-bit hash.
fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One tensor for every parameter of a plan.
#[derive(Debug, Clone)]
pub struct Params<T> {
    plan: Arc<Plan>,
    tensors: Vec<T>,
}

impl<T> Params<T> {
    /// A set made by calling `tensor` for each parameter in order.
    pub fn build(plan: &Arc<Plan>, tensor: impl FnMut((usize, &ParamSpec)) -> T) -> Params<T> {
        Params { plan: Arc::clone(plan), tensors: plan.specs.iter().enumerate().map(tensor).collect() }
    }

    /// The plan that it follows.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The tensors in the plan's order.
    pub fn tensors(&self) -> &[T] {
        &self.tensors
    }

    /// Each parameter with its tensor.
    pub fn iter(&self) -> impl Iterator<Item = (&ParamSpec, &T)> {
        self.plan.specs.iter().zip(&self.tensors)
    }

    /// Another set of the same plan, tensor by tensor.
    pub fn map<U>(&self, tensor: impl FnMut(&T) -> U) -> Params<U> {
        Params { plan: Arc::clone(&self.plan), tensors: self.tensors.iter().map(tensor).collect() }
    }

    /// Another set of the same plan, from pairs of tensors.
    pub fn zip<U, V>(&self, other: &Params<U>, mut tensor: impl FnMut(&T, &U) -> V) -> Params<V> {
        let tensors = self.tensors.iter().zip(&other.tensors).map(|(a, b)| tensor(a, b)).collect();
        Params { plan: Arc::clone(&self.plan), tensors }
    }
}

impl<T: crate::tensor::Tensor> Params<T> {
    /// The same values with no tape: a forward pass of it records nothing.
    pub fn detach(&self) -> Params<T> {
        self.map(T::detach)
    }
}

impl<T> Index<ParamId> for Params<T> {
    type Output = T;

    fn index(&self, id: ParamId) -> &T {
        &self.tensors[id.0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean, variance and the largest size of 200,000 values.
    fn statistics(init: Init) -> [f64; 3] {
        let mut plan = Plan::default();
        plan.param("a", &[400, 500], init);
        let values: Vec<f64> = plan.initial(0, 7).into_iter().map(f64::from).collect();
        let mean = |of: &dyn Fn(f64) -> f64| values.iter().map(|&value| of(value)).sum::<f64>() / values.len() as f64;
        let centre = mean(&|value| value);
        [centre, mean(&|value| (value - centre).powi(2)), values.iter().fold(0.0, |most, value| value.abs().max(most))]
    }

    /// The variance of a uniform number within b is b^2 / 3; that of a standard normal one cut at 2 is
    /// 1 - 2 (2 phi(2)) / (2 Phi(2) - 1) = 0.773741, of which the rest is made up for.
    #[test]
    fn first_values_have_the_moments_of_theory() {
        let cut = 2.0 / 0.773_741_3_f64.sqrt();
        for (init, variance, within) in [
            (Init::Zeros, 0.0_f64, 0.0),
            (Init::Uniform(0.3), 0.03, 0.3),
            (Init::Normal(0.02), 0.0004, 0.12),
            (Init::TruncatedNormal(0.5), 0.25, 0.5 * cut),
        ] {
            let [mean, found, most] = statistics(init);
            // Four deviations of the mean, and more than that of the variance.
            assert!(mean.abs() <= 4.0 * (variance / 2e5).sqrt(), "{init:?}: {mean}");
            assert!((found - variance).abs() <= 0.015 * variance, "{init:?}: {found}");
            assert!(most <= within * (1.0 + 1e-6) && most >= 0.45 * within, "{init:?}: {most}");
        }
        // The cut values fill their range, which a normal number leaves.
        assert!(statistics(Init::TruncatedNormal(0.5))[2] > 0.99 * 0.5 * cut);
        assert!(statistics(Init::Normal(0.5))[2] > 1.5 * 0.5 * cut);
        assert_eq!(statistics(Init::Ones), [1.0, 0.0, 1.0]);
    }

    #[test]
    fn values_depend_on_the_seed_and_the_name_alone() {
        let mut short = Plan::default();
        short.param("b", &[3], Init::Normal(1.0));
        let mut long = Plan::default();
        long.param("a", &[2], Init::Normal(1.0));
        long.scope("c", |plan| plan.param("b", &[3], Init::Normal(1.0)));
        long.param("b", &[3], Init::Normal(1.0));
        assert_eq!(short.initial(0, 5), long.initial(2, 5));
        assert_ne!(short.initial(0, 5), long.initial(1, 5), "another name");
        assert_ne!(short.initial(0, 5), short.initial(0, 6), "another seed");
    }
}

//! The normalisations, with the activation that follows one of groups.

use exp_api::spec::Nonlinearity;

use super::layers::activate;
use super::scope::Scope;
use crate::params::{Init, ParamId, Params};
use crate::tensor::{Key, NormSilu, Tensor};

/// Added to the variance of every normalisation.
const EPS: f64 = 1e-6;

/// Group normalisation.
#[derive(Debug, Clone)]
pub struct GroupNorm {
    scale: ParamId,
    bias: ParamId,
    groups: usize,
}

impl GroupNorm {
    /// Plans `scale` and `bias` for `channels` in `groups` of equal size, which the key `n_groups` sets.
    pub fn plan(scope: &mut Scope, channels: usize, groups: usize) -> GroupNorm {
        GroupNorm::keyed(scope, channels, groups, Some("n_groups"))
    }

    /// The same with a group for every four channels, and no more than 32 groups (Song et al. 2021).
    pub fn by_width(scope: &mut Scope, channels: usize) -> GroupNorm {
        GroupNorm::keyed(scope, channels, (channels / 4).min(32), None)
    }

    /// The same in a number of groups that no key sets.
    pub fn fixed(scope: &mut Scope, channels: usize, groups: usize) -> GroupNorm {
        GroupNorm::keyed(scope, channels, groups, None)
    }

    /// Normalises `[B,channels,H,W]`.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        x.group_norm(self.groups, &theta[self.scale], &theta[self.bias], EPS)
    }

    /// Normalises, then activates.
    pub fn activated<T: Tensor>(&self, theta: &Params<T>, x: &T, act: Nonlinearity) -> T {
        self.activated_between(theta, x, None, act, None)
    }

    /// Where a residual block parts: `x` for its trunk; normalised, then activated, for its branch.
    pub fn parted<T: Tensor>(&self, theta: &Params<T>, x: &T, act: Nonlinearity) -> [T; 2] {
        match act {
            Nonlinearity::Swish => x.parted(&self.around(theta, None, None)),
            _ => [x.clone(), self.activated(theta, x, act)],
        }
    }

    /// Adds `shift` `[B,channels]`, normalises, activates, and drops by a rate and a key.
    pub fn activated_between<T: Tensor>(
        &self,
        theta: &Params<T>,
        x: &T,
        shift: Option<&T>,
        act: Nonlinearity,
        dropout: Option<(f64, Key)>,
    ) -> T {
        let norm = self.around(theta, shift, dropout);
        match act {
            Nonlinearity::Swish => x.norm_silu(&norm),
            _ => norm.dropped(&activate(act, &self.apply(theta, &norm.shifted(x)))),
        }
    }

    fn around<'a, T>(
        &self,
        theta: &'a Params<T>,
        shift: Option<&'a T>,
        dropout: Option<(f64, Key)>,
    ) -> NormSilu<'a, T> {
        let [scale, bias] = [&theta[self.scale], &theta[self.bias]];
        NormSilu { shift, groups: self.groups, scale, bias, eps: EPS, dropout }
    }

    fn keyed(scope: &mut Scope, channels: usize, groups: usize, key: Option<&str>) -> GroupNorm {
        if channels.checked_rem(groups) != Some(0) {
            scope.problem(key, format!("{channels} channels do not split into {groups} groups of equal size"));
        }
        let scale = scope.param("scale", &[channels], Init::Ones);
        GroupNorm { scale, bias: scope.param("bias", &[channels], Init::Zeros), groups }
    }
}

/// Layer normalisation over axis 1.
#[derive(Debug, Clone)]
pub struct LayerNorm {
    scale: ParamId,
    bias: ParamId,
}

impl LayerNorm {
    /// Plans `scale` and `bias`.
    pub fn plan(scope: &mut Scope, channels: usize) -> LayerNorm {
        let scale = scope.param("scale", &[channels], Init::Ones);
        LayerNorm { scale, bias: scope.param("bias", &[channels], Init::Zeros) }
    }

    /// Normalises `[B,channels]` or `[B,channels,H,W]`.
    pub fn apply<T: Tensor>(&self, theta: &Params<T>, x: &T) -> T {
        x.layer_norm(&theta[self.scale], &theta[self.bias], EPS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Plan;

    #[test]
    fn channels_that_do_not_split_are_a_problem() {
        let (mut plan, mut problems) = (Plan::default(), Vec::new());
        let mut scope = Scope::new(&mut plan, &mut problems, "model.torso", "nf");
        GroupNorm::by_width(&mut scope, 128);
        GroupNorm::by_width(&mut scope, 132);
        GroupNorm::by_width(&mut scope, 3);
        GroupNorm::plan(&mut scope, 48, 32);
        let found: Vec<String> = problems.iter().map(|p| format!("{}: {}", p.key, p.message)).collect();
        let expected = [
            "model.torso.nf: 132 channels do not split into 32 groups of equal size",
            "model.torso.nf: 3 channels do not split into 0 groups of equal size",
            "model.torso.n_groups: 48 channels do not split into 32 groups of equal size",
        ];
        assert_eq!(found, expected);
    }
}

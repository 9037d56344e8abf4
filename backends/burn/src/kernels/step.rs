//! The optimiser's update on the CPU: one pass over each parameter instead of a dozen.

use exp_consistency::engine::Update;

/// The state of one parameter and its gradient, as slices of one length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Old<'a> {
    pub param: &'a [f32],
    pub ema: &'a [f32],
    pub m: &'a [f32],
    pub v: &'a [f32],
    pub gradient: &'a [f32],
}

/// The numbers of an update as kernels take them: `c` and `give` are the shares that the new value gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub b1: f32,
    pub c1: f32,
    pub b2: f32,
    pub c2: f32,
    /// Factor of the first moment in the direction.
    pub rate: f32,
    pub v_hat: f32,
    pub eps: f32,
    /// Whether the direction is divided by the root of the second moment.
    pub adapt: bool,
    pub lr: f32,
    pub keep: f32,
    pub give: f32,
}

impl Numbers {
    /// Those of a rule.
    pub(crate) fn of(rule: &Update) -> Numbers {
        let [b1, b2, lr, eps, keep, v_hat] =
            [rule.b1, rule.b2, rule.lr, rule.eps, rule.ema, rule.v_hat].map(|k| k as f32);
        let [c1, c2, give] = [1.0 - rule.b1, 1.0 - rule.b2, 1.0 - rule.ema].map(|k| k as f32);
        let rate = (rule.m_hat * rule.adapt.unwrap_or(1.0)) as f32;
        Numbers { b1, c1, b2, c2, rate, v_hat, eps, adapt: rule.adapt.is_some(), lr, keep, give }
    }
}

/// The new parameter, average, first and second moment; the formula is that of [`Update`].
pub(crate) fn update(rule: &Update, old: Old) -> [Vec<f32>; 4] {
    let n = old.param.len();
    let Numbers { b1, c1, b2, c2, rate, v_hat, eps, adapt, lr, keep, give } = Numbers::of(rule);
    let mut new = [(); 4].map(|()| vec![0.0; n]);
    let [param, ema, m, v] = &mut new;
    let outputs = param.iter_mut().zip(ema).zip(m).zip(v);
    let inputs = old.param.iter().zip(old.ema).zip(old.m).zip(old.v).zip(old.gradient);
    for ((((param, ema), m), v), ((((p0, e0), m0), v0), g)) in outputs.zip(inputs) {
        *m = m0 * b1 + g * c1;
        *v = v0 * b2 + g * g * c2;
        let direction = *m * rate / if adapt { (*v * v_hat).sqrt() + eps } else { 1.0 };
        *param = p0 - direction * lr;
        // From the nearer end, so that weights that stand still are their own average: in f32, `keep` and `give` do not
        // sum to 1.
        *ema = if give < 0.5 { e0 + (*param - e0) * give } else { *param + (e0 - *param) * keep };
    }
    new
}

/// Sum of squares.
pub(crate) fn sum_squares(values: &[f32]) -> f32 {
    // Partial sums in f64: exact enough for any length, and one lane after another repeats bit for bit.
    let mut lanes = [0.0_f64; 8];
    let chunks = values.chunks_exact(8);
    let rest: f64 = chunks.remainder().iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(value) * f64::from(value);
        }
    }
    (lanes.iter().sum::<f64>() + rest) as f32
}

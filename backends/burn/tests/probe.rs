use exp_burn::BurnEngine;
use exp_consistency::{engine::Engine, params::*, tensor::Tensor};
use std::sync::Arc;
#[test]
fn probe() {
    let e = BurnEngine::open("cpu").unwrap();
    let mut plan = Plan::default();
    let w = plan.param("w", &[24, 24, 3, 3], Init::Uniform(0.1));
    let s = plan.param("s", &[24], Init::Ones);
    let b = plan.param("b", &[24], Init::Zeros);
    let plan = Arc::new(plan);
    let theta = Params::build(&plan, |(i, spec)| e.from_host(&spec.shape, &plan.initial(i, 0)));
    let x = e.from_host(
        &[8, 24, 8, 8],
        &(0..8 * 24 * 64).map(|i| ((i * 7919) % 101) as f32 / 50.0 - 1.0).collect::<Vec<_>>(),
    );
    e.scope(|| {
        for _ in 0..3 {
            let t = std::time::Instant::now();
            let (v, _, g) = e.value_and_grad(&theta, |p| {
                let mut h = x.clone();
                for _ in 0..10 {
                    h = h.group_norm_silu(6, &p[s], &p[b], 1e-6).conv2d(&p[w], Some(&p[b]), 1, 1);
                }
                (h.square().mean_all(), ())
            });
            println!("{:?} {:?} {:?}", v.to_host(), &g[w].to_host()[..3], t.elapsed() / 10);
            let t = std::time::Instant::now();
            let p = theta.detach();
            let mut h = x.clone();
            for _ in 0..10 {
                h = h.conv2d(&p[w], Some(&p[b]), 1, 1);
            }
            println!("conv fwd {:?}", t.elapsed() / 10);
            let t = std::time::Instant::now();
            for _ in 0..10 {
                h = h.group_norm_silu(6, &p[s], &p[b], 1e-6);
            }
            println!("norm fwd {:?}", t.elapsed() / 10);
            let t = std::time::Instant::now();
            let (_, _, _g) = e.value_and_grad(&theta, |p| {
                let mut h = x.clone();
                for _ in 0..10 {
                    h = h.conv2d(&p[w], Some(&p[b]), 1, 1);
                }
                (h.square().mean_all(), ())
            });
            println!("conv fwd+bwd {:?}", t.elapsed() / 10);
        }
    });
}

//! Comparison of the accountant with Google's dp-accounting. The expected values
//! are in `oracle.json`, written by `oracle.py`.

use serde::Deserialize;
use tessera::privacy::{Loss, Noise, Sigma};

use crate::{budget, laplace};

#[derive(Deserialize)]
struct Oracle {
    made_with: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    mechanism: String,
    epsilon_cell: Option<f64>,
    sensitivity: Option<u32>,
    sigma: Option<f64>,
    mean: u32,
    changes: Vec<(u32, u32)>,
    deltas: Vec<AtEpsilon>,
    epsilon: AtDelta,
}

#[derive(Deserialize)]
struct AtEpsilon {
    epsilon: f64,
    least: f64,
    most: f64,
}

#[derive(Deserialize)]
struct AtDelta {
    delta: f64,
    least: f64,
    most: f64,
}

/// The project's table for a case of the oracle, found from the budget.
fn table(case: &Case) -> Noise {
    let noise = match case.mechanism.as_str() {
        "laplace" => {
            let epsilon = case.epsilon_cell.unwrap().to_string();
            let sensitivity = case.sensitivity.unwrap();
            let delta = if case.mean == 178 { "1e-9" } else { "1e-6" };
            laplace(&epsilon, delta, sensitivity)
        }
        "gaussian" => {
            let hundredths = (case.sigma.unwrap() * 100.0).round() as u32;
            Noise::gaussian(Sigma::from_hundredths(hundredths), case.mean).unwrap()
        }
        other => panic!("unknown mechanism {other}"),
    };
    assert_eq!(noise.mean(), case.mean, "the oracle has another table");
    noise
}

#[test]
fn costs_match_dp_accounting() {
    let oracle: Oracle = serde_json::from_str(include_str!("oracle.json")).unwrap();
    assert!(oracle.made_with.starts_with("dp-accounting "));
    assert!(oracle.cases.len() >= 73);
    for case in &oracle.cases {
        let name = format!("{} s {} {:?}", case.mechanism, case.mean, case.changes);
        let noise = table(case);
        let parts = case.changes.iter();
        let parts = parts.map(|(cells, batches)| Loss::of(&noise, *cells).compose(*batches));
        let loss = parts.reduce(|all, more| all.and(&more)).unwrap();
        for at in &case.deltas {
            let ours = loss.delta(at.epsilon);
            // Their grid brackets the exact value, which our grid represents exactly.
            let slack = 1e-15 + 1e-7 * at.most;
            assert!(
                at.least - slack <= ours && ours <= at.most + slack,
                "{name} ε {}: {ours} not in {}–{}",
                at.epsilon,
                at.least,
                at.most
            );
        }
        let ours = loss.epsilon(case.epsilon.delta, 1e5).unwrap();
        let slack = 1e-6 * (1.0 + case.epsilon.most);
        assert!(
            case.epsilon.least - slack <= ours && ours <= case.epsilon.most + slack,
            "{name} δ {}: ε {ours} not in {}–{}",
            case.epsilon.delta,
            case.epsilon.least,
            case.epsilon.most
        );
    }
}

#[test]
fn the_default_gaussian_gives_epsilon_one_for_ten_cells() {
    let noise = Noise::gaussian(Sigma::from_hundredths(1_375), 72).unwrap();
    let ten = Loss::of(&noise, 1).compose(10);
    let delta = ten.delta(0.99);
    assert!((0.9e-6..1.3e-6).contains(&delta), "{delta}");
    // For the same ten cells, the default Laplace has twenty-five times the δ.
    let laplace = Loss::of(&Noise::laplace(&budget("0.1", "1e-6", 1)).unwrap(), 1).compose(10);
    assert!(
        (2e-5..3e-5).contains(&laplace.delta(0.99)),
        "{}",
        laplace.delta(0.99)
    );
}

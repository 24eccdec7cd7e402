//! What `check` finds in the values of a trace.

use crate::common::{Raw, Result, Tensor, reference};
use serde_json::json;
use vlscope::trace::Trace;
use vlscope::trace::check::{Finding, Problem, Severity, bytes, check};

fn findings(raw: &Raw) -> Result<Vec<Finding>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    raw.write(&path)?;
    Ok(check(&Trace::open(&path)?, &|_| ())?)
}

#[test]
fn reference_traces() -> Result {
    for name in ["encoder-decoder", "multi-image"] {
        assert_eq!(check(&Trace::open(&reference(name))?, &|_| ())?, [], "{name}");
    }
    let found = check(&Trace::open(&reference("broken-nan"))?, &|_| ())?;
    let [finding] = found.as_slice() else { return Err(format!("{found:?}").into()) };
    assert_eq!(finding.message, "attention.self.2[0, 3, 4] is NaN");
    assert_eq!((finding.problem, finding.position.as_slice()), (Problem::NotANumber, [0, 3, 4].as_slice()));

    let found = check(&Trace::open(&reference("vl-interpret-0"))?, &|_| ())?;
    assert_eq!(found.len(), 12);
    assert!(found.iter().all(|finding| finding.problem.severity() == Severity::Warning && finding.count == 168));
    Ok(())
}

#[test]
fn every_byte_is_read_once() -> Result {
    let trace = Trace::open(&reference("encoder-decoder"))?;
    let read = std::sync::atomic::AtomicU64::new(0);
    let count = |bytes| {
        read.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed);
    };
    check(&trace, &count)?;
    assert_eq!(read.into_inner(), bytes(&trace));
    Ok(())
}

#[test]
fn a_metric_may_have_no_value_but_not_an_infinite_one() -> Result {
    let mut raw = Raw::sound();
    assert_eq!(findings(&raw)?, []);
    *raw.tensor("head_metric.0") = Tensor::f32(&[2, 3], [0.0, f32::NAN, f32::NEG_INFINITY, 3.0, 4.0, 5.0]);
    let found = findings(&raw)?;
    assert_eq!(
        found.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>(),
        ["head_metric.0[0, 2] is infinite"]
    );
    Ok(())
}

#[test]
fn each_problem_has_its_count_and_its_place() -> Result {
    let mut raw = Raw::sound();
    raw.document["attention"][0]["causal"] = json!(true);
    let (nan, infinity) = (f32::NAN, f32::INFINITY);
    // Three heads of two queries; query 0 sees key 0 alone.
    *raw.tensor("attention.self.0") = Tensor::f32(&[2, 2, 2], [1.0, 0.0, 0.5, 0.5, 0.75, 0.25, 1.5, -0.5]);
    *raw.tensor("attention.self.1") =
        Tensor::f32(&[3, 2, 2], [1.0, 0.0, nan, 0.5, 0.75, 0.0, 1.25, 1.25, infinity, 0.0, 0.5, nan]);
    let found = findings(&raw)?;
    let messages: Vec<_> = found.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "attention.self.0[1, 1, 1] is -0.5, a negative weight",
            "attention.self.0[1, 0, 1] is 0.25, a future key in a causal block",
            "attention.self.1[0, 1, 0] is NaN, as is 1 more value",
            "attention.self.1[2, 0, 0] is infinite",
            "2 of 6 rows of `attention.self.1` do not sum to 1 within 0.0001: the worst, [1, 1], sums to 2.5000",
        ]
    );
    assert_eq!((found[4].count, found[4].total, found[4].value), (2, 6, 2.5));
    Ok(())
}

/// More than one chunk, so that the threads' findings are put together.
#[test]
fn a_large_tensor_reports_its_first_and_its_worst() -> Result {
    let tokens = 700;
    let mut values = vec![1.0 / 700.0; 2 * tokens * tokens];
    for place in [1_000, 600_000, 900_000] {
        values[place] = -0.001;
    }
    values[950_000] = 3.0;
    let raw = Raw {
        document: json!({"format": 1,
            "sequences": {"main": {"tokens": (0..tokens).map(|_| json!({"text": "a"})).collect::<Vec<_>>()}},
            "attention": [{"name": "self", "query": "main", "key": "main", "layers": 1}]}),
        tensors: vec![("attention.self.0".into(), Tensor::f32(&[2, tokens, tokens], values))],
    };
    let found = findings(&raw)?;
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].problem, found[0].count, found[0].position.clone()), (Problem::Negative, 3, vec![0, 1, 300]));
    assert_eq!((found[1].problem, found[1].count), (Problem::RowSum, 4));
    assert_eq!(found[1].position, [1, 950_000 / 700 - 700]);
    Ok(())
}

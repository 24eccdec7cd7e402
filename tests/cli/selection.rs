//! Sets of tokens and ways to combine them, on the command line.

use std::path::Path;

use crate::common::{Result, fail, json, succeed};
use serde_json::{Value, json};
use vlscope::analysis::{Combine, Engine, Pick, Rollout, RowBuffers, Selection, SinkTreatment, WeightKind, sinks};
use vlscope::trace::{Mask, Modality, Trace};

const MULTI_IMAGE: &str = "tests/traces/multi-image.safetensors";
const ENCODER_DECODER: &str = "tests/traces/encoder-decoder.safetensors";

fn attention(trace: &str, options: &[&str]) -> Result<Value> {
    json(&[&["attention", trace, "--json", "--compute", "cpu"], options].concat())
}

fn assert_weights(report: &Value, expected: &[f32]) {
    let found: Vec<Option<f64>> = report["weights"].as_array().into_iter().flatten().map(Value::as_f64).collect();
    assert_eq!(found.len(), expected.len());
    for (found, &expected) in found.iter().zip(expected) {
        let same = found.map_or(expected.is_nan(), |found| (found - f64::from(expected)).abs() < 1e-6);
        assert!(same, "{found:?} and {expected}");
    }
}

#[test]
fn sets_of_tokens_join_without_doubles() -> Result {
    let trace = Trace::open(Path::new(MULTI_IMAGE))?;
    let tokens = &trace.document().sequences[0].tokens;
    let of = |modality: Modality| -> Vec<usize> {
        (0..tokens.len()).filter(|&token| tokens[token].modality() == modality && !tokens[token].special).collect()
    };
    let images = attention(MULTI_IMAGE, &["--modality", "image"])?;
    assert_eq!(images["selection"]["tokens"], json!(of(Modality::Image)));
    let text = attention(MULTI_IMAGE, &["--modality", "text"])?;
    assert_eq!(text["selection"]["tokens"], json!(of(Modality::Text)));
    let joined = attention(MULTI_IMAGE, &["--token", "5", "--token", "3-6", "--word", "4"])?;
    assert_eq!(joined["selection"]["tokens"], json!([5, 3, 4, 6]));
    for (options, message) in [
        (["--token", "3-99"], "there is no token 99: sequence `main` has 14"),
        (["--word", "14"], "there is no token 14: sequence `main` has 14"),
    ] {
        let said = fail(1, &[&["attention", MULTI_IMAGE, "--compute", "cpu"], &options[..]].concat())?;
        assert_eq!(said, format!("vlscope: {message}\n"));
    }
    let said = fail(1, &["attention", MULTI_IMAGE, "--compute", "cpu", "--segment", "nowhere"])?;
    assert!(said.starts_with("vlscope: there is no segment `nowhere`: sequence `main` has "), "{said}");
    assert!(fail(2, &["attention", MULTI_IMAGE, "--token", "7-3"])?.contains("nor a range"));
    Ok(())
}

#[test]
fn combinations_and_rollout_are_those_of_the_engine() -> Result {
    let trace = Trace::open(Path::new(MULTI_IMAGE))?;
    let gathered = |selection: Selection| Engine::cpu().gather(&trace, &selection, &|| true);
    let tokens = vec![1, 12];
    let options = ["--token", "1", "--token", "12", "--layer", "max", "--head", "max", "--combine", "sum"];
    let (layer, head, combine) = (Pick::Max, Pick::Max, Combine::Sum);
    let selection = Selection { layer, head, combine, tokens: tokens.clone(), ..Selection::default() };
    assert_weights(&attention(MULTI_IMAGE, &options)?, &gathered(selection)?);

    let options = ["--token", "1", "--token", "12", "--layer", "2", "--rollout=1", "--residual", "0.25"];
    let weights = WeightKind::Rollout(Rollout { start: 1, residual_percent: 25 });
    let selection = Selection { layer: Pick::One(2), head: Pick::Mean, tokens, weights, ..Selection::default() };
    let report = attention(MULTI_IMAGE, &options)?;
    assert_weights(&report, &gathered(selection)?);
    assert_eq!(report["selection"]["rollout"], json!({"start": 1, "residual": 0.25}));
    Ok(())
}

/// One option for all kinds; what a file lacks is said with what it has.
#[test]
fn weights_of_every_kind_are_printed() -> Result {
    let folder = tempfile::tempdir()?;
    let [stored, _] =
        crate::pair::pair(folder.path(), &[Mask::Causal])?.map(|path| path.to_string_lossy().into_owned());
    let place = ["--token", "69", "--layer", "1", "--head", "2"];
    let of = |kind: &str| attention(&stored, &[&place[..], &["--weights", kind]].concat());
    assert_eq!(of("raw")?["weights"], attention(&stored, &place)?["weights"]);
    let weighted = of("norm-weighted")?;
    assert_eq!(weighted["selection"]["weights"], "norm-weighted");
    let raw = Engine::cpu().gather(
        &Trace::open(Path::new(&stored))?,
        &Selection { layer: Pick::One(1), head: Pick::One(2), tokens: vec![69], ..Selection::default() },
        &|| true,
    )?;
    let products: Vec<f32> = raw.iter().zip(crate::pair::norms(1, 2)).map(|(weight, norm)| weight * norm).collect();
    let sum: f32 = products.iter().sum();
    assert_weights(&weighted, &products.iter().map(|product| product / sum).collect::<Vec<_>>());
    let relevance: Vec<f32> = (0..raw.len()).map(|token| crate::pair::relevance(1, 1, 2, token)).collect();
    assert_weights(&of("relevance:heads")?, &relevance);
    let rollout = |options: &[&str]| attention(&stored, &[&["--token", "69", "--layer", "2"], options].concat());
    let rolled = rollout(&["--rollout=1", "--residual", "0.25"])?;
    assert_eq!(rollout(&["--weights", "rollout", "--rollout=1", "--residual", "0.25"])?, rolled);
    assert_ne!(rollout(&["--weights", "rollout"])?["weights"], rolled["weights"]);

    for (options, message) in [
        (&["--weights", "relevance:nothing"][..], "the trace holds no relevance `nothing`: it has `heads`, `whole`"),
        (&["--weights", "norm-weighted", "--rollout"], "--weights norm-weighted is no --rollout: choose one of them"),
        (&["--residual", "0.3"], "--residual is a part of a rollout: --weights rollout, or --rollout"),
        (
            &["--weights", "relevance:whole", "--token", "3"],
            "relevance whole is for the output at token 69, not for what is selected",
        ),
    ] {
        let said = fail(1, &[&["attention", &stored, "--compute", "cpu"], options].concat())?;
        assert_eq!(said, format!("vlscope: {message}\n"));
    }
    let said = fail(1, &["attention", MULTI_IMAGE, "--weights", "norm-weighted"])?;
    assert!(said.starts_with("vlscope: the trace holds no value norms of block `self`"), "{said}");
    assert!(
        fail(2, &["attention", MULTI_IMAGE, "--weights", "best"])?.contains("expected raw, norm-weighted, rollout")
    );
    Ok(())
}

/// A state file of a kind of weights, and one from before there were kinds.
#[test]
fn state_files_keep_the_kind_of_weights() -> Result {
    let folder = tempfile::tempdir()?;
    let [stored, _] =
        crate::pair::pair(folder.path(), &[Mask::Causal])?.map(|path| path.to_string_lossy().into_owned());
    let file = folder.path().join("state.json");
    let file = file.to_string_lossy().into_owned();
    let csv = folder.path().join("numbers.csv");
    let csv = csv.to_string_lossy().into_owned();
    let numbers = |arguments: &[&str]| -> Result<String> {
        succeed(&[&["render", "-o", &csv, "--compute", "cpu"], arguments].concat())?;
        Ok(std::fs::read_to_string(&csv)?)
    };
    for (selection, options) in [
        (json!({"weights": "norm-weighted"}), &["--weights", "norm-weighted"][..]),
        (json!({"weights": {"relevance": "heads"}}), &["--weights", "relevance:heads"]),
        (json!({"weights": {"rollout": {"start": 1, "residual_percent": 30}}}), &["--rollout=1", "--residual", "0.3"]),
        (json!({"rollout": {"start": 1, "residual_percent": 30}}), &["--rollout=1", "--residual", "0.3"]),
        (json!({"rollout": null}), &["--weights", "raw"]),
    ] {
        let mut selection = selection;
        selection["layer"] = json!({"one": 2});
        selection["tokens"] = json!([69]);
        let state = json!({"version": 2, "trace": stored, "view": "image", "selection": selection});
        std::fs::write(&file, state.to_string())?;
        let place = ["--view", "image", "--layer", "2", "--head", "0", "--token", "69"];
        let typed = numbers(&[&[stored.as_str()], &place[..], options].concat())?;
        assert_eq!(numbers(&["--state", &file])?, typed, "{state}");
        let raw = numbers(&[&[stored.as_str()], &place[..]].concat())?;
        assert_eq!(numbers(&["--state", &file, "--weights", "raw"])?, raw, "what is typed overrides");
    }
    Ok(())
}

#[test]
fn rollouts_that_cannot_be_say_why() -> Result {
    let said = fail(1, &["attention", ENCODER_DECODER, "--block", "cross", "--rollout"])?;
    assert_eq!(said, "vlscope: rollout needs self-attention: the queries of block `cross` are not its keys\n");
    let said = fail(1, &["attention", MULTI_IMAGE, "--layer", "1", "--rollout=2"])?;
    assert_eq!(said, "vlscope: rollout begins at layer 2, which comes after layer 1\n");
    assert!(fail(2, &["attention", MULTI_IMAGE, "--rollout", "--residual", "1.5"])?.contains("no share in hundredths"));
    Ok(())
}

#[test]
fn hidden_sinks_have_no_weight() -> Result {
    let trace = Trace::open(Path::new(MULTI_IMAGE))?;
    let found = sinks::find(&trace, 0, &sinks::Criteria::default()).tokens();
    for (name, treatment) in [("hide", SinkTreatment::Hide), ("renormalise", SinkTreatment::Renormalise)] {
        let selection = Selection {
            layer: Pick::One(2),
            head: Pick::Mean,
            tokens: vec![4],
            sinks: treatment,
            ..Selection::default()
        };
        let rows = Engine::cpu().rows(&trace, &selection, found.clone(), &|| true)?;
        let mut expected = vec![0.0; rows.keys()];
        rows.read(&[4], &mut RowBuffers::default(), &mut expected);
        let report = attention(MULTI_IMAGE, &["--token", "4", "--sinks", name])?;
        assert_weights(&report, &expected);
        assert_eq!(report["sinks"].as_array().map_or(0, Vec::len), found.len());
    }
    Ok(())
}

#[test]
fn thresholds_say_what_a_sink_is() -> Result {
    let trace = Trace::open(Path::new(MULTI_IMAGE))?;
    let criteria = sinks::Criteria { share_ratio: 1.1, head_share: 0.25, ..sinks::Criteria::default() };
    let found = sinks::find(&trace, 0, &criteria).tokens();
    let usual = sinks::find(&trace, 0, &sinks::Criteria::default()).tokens();
    assert_ne!(found, usual, "else the test says nothing");
    let report =
        attention(MULTI_IMAGE, &["--token", "4", "--sinks", "mark", "--sink-ratio", "1.1", "--sink-heads", "0.25"])?;
    assert_eq!(report["sinks"], json!(found));
    let marked = [
        &["attention", MULTI_IMAGE, "--token", "4", "--csv"][..],
        &["--sinks", "mark", "--sink-ratio", "1.1", "--sink-heads", "0.25"],
    ];
    let rows = succeed(&marked.concat())?;
    assert_eq!(rows.lines().next(), Some("position,token,weight,sink"));
    assert_eq!(rows.lines().filter(|row| row.ends_with(",sink")).count(), found.len() + 1);
    for (option, value, said) in [
        ("--sink-ratio", "-1", "`-1` is no factor"),
        ("--sink-activation", "nan", "`nan` is no factor"),
        ("--sink-heads", "2", "`2` is no share"),
    ] {
        let refused = fail(2, &["attention", MULTI_IMAGE, &format!("{option}={value}")])?;
        assert!(refused.contains(said), "{refused}");
    }
    Ok(())
}

/// The pictures, in whole: that the flags reach the views.
#[test]
fn views_follow_rollout_and_sinks() -> Result {
    let folder = tempfile::tempdir()?;
    let picture = |name: &str, options: &[&str]| -> Result<Vec<u8>> {
        let path = folder.path().join(name);
        let path = path.to_str().ok_or("no name")?;
        let fixed = ["render", "assets/demo", "--size", "400x300", "-o", path, "--token", "0"];
        let demo = std::fs::read_dir("assets/demo")?.filter_map(std::result::Result::ok).map(|file| file.path());
        let demo = demo.filter(|path| path.extension().is_some_and(|ending| ending == "safetensors")).min();
        let demo = demo.ok_or("no demo")?;
        let mut arguments = fixed.to_vec();
        arguments[1] = demo.to_str().ok_or("no name")?;
        arguments.extend(options);
        succeed(&arguments)?;
        Ok(std::fs::read(path)?)
    };
    for view in ["image", "text", "matrix", "links"] {
        let plain = picture("plain.png", &["--view", view])?;
        for options in [&["--rollout"][..], &["--sinks", "mark"], &["--sinks", "hide"]] {
            let other = picture("other.png", &[&["--view", view], options].concat())?;
            assert!(plain != other, "{view} does not show {options:?}");
        }
    }
    Ok(())
}

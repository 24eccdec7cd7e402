//! What version 2 brought: what is read of it, and one case for each of its rules.

use crate::common::{Raw, Result, Tensor, refusal};
use serde_json::{Value, json};
use vlscope::trace::check::check;
use vlscope::trace::{Area, Content, LayerTensors, Mask, Modality, Stored, Trace, WordState};

/// A trace that was opened.
fn opened(raw: &Raw) -> Result<(tempfile::TempDir, Trace)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    raw.write(&path)?;
    Ok((folder, Trace::open(&path)?))
}

#[test]
fn all_of_it_is_read() -> Result {
    let (_folder, trace) = opened(&Raw::second())?;
    let document = trace.document();
    let [own, cross] = document.attention.as_slice() else { return Err("two blocks".into()) };
    assert_eq!((own.layers, [0, 1].map(|layer| own.layer_number(layer))), (2, [3, 7]));
    assert_eq!([own.layer_index(7), own.layer_index(1), cross.layer_index(9)], [Some(1), None, Some(0)]);
    assert_eq!(own.stored, Stored::QueriesKeys { scale: Some(0.25), softcap: Some(30.0) });
    assert!(own.sink_share && !cross.sink_share && !own.is_causal());
    assert_eq!([own.mask(0), own.mask(1)], [&Mask::Sliding(2), &Mask::Stored]);
    assert_eq!(cross.mask(0), &Mask::Spans(vec![0..2, 2..3]));
    assert_eq!((trace.heads(0, 1), trace.max_heads(0), trace.heads(1, 0)), (4, 4, 1));

    let LayerTensors::QueriesKeys(layer) = trace.layer(0, 1) else { return Err("queries and keys".into()) };
    assert_eq!((layer.query.shape, layer.key.shape), (vec![4, 5, 2], vec![2, 5, 2]));
    assert_eq!((layer.scale, layer.softcap), (0.25, Some(30.0)));
    assert_eq!(layer.lse.map(|lse| lse.shape), Some(vec![4, 5]));
    assert_eq!(layer.sink.map(|sink| sink.to_f32()), Some(vec![0.0, 0.125, 0.25, 0.375]));
    assert_eq!((0..5).map(|query| layer.mask.allows(query, query)).collect::<Vec<_>>(), [true; 5]);
    assert!(!layer.mask.allows(0, 1));
    let LayerTensors::Weights(weights) = trace.layer(1, 0) else { return Err("weights".into()) };
    assert_eq!((weights.shape, trace.mask(1, 0).allows(0, 2)), (vec![1, 5, 3], false));
    assert_eq!(trace.value_norm(1, 0).map(|norm| norm.shape), Some(vec![1, 3]));
    assert!(trace.value_norm(0, 0).is_none());
    Ok(())
}

#[test]
fn relevance_words_statistics_and_times_are_read() -> Result {
    let (_folder, trace) = opened(&Raw::second())?;
    let document = trace.document();
    assert_eq!(document.image_times, [Some(0.0), None]);
    assert_eq!(document.attention[0].statistics, ["entropy", "sink"]);
    assert_eq!(trace.statistics(0).map(|statistics| statistics.shape), Some(vec![2, 4, 2]));
    assert!(trace.statistics(1).is_none());
    let [gradient, signed] = document.relevance.as_slice() else { return Err("two".into()) };
    assert_eq!((gradient.sequence, gradient.target_sequence, gradient.block, gradient.signed), (1, 0, Some(1), false));
    assert_eq!((gradient.targets.as_slice(), gradient.source.as_deref()), (&[4, 0][..], None));
    assert_eq!((signed.target_sequence, signed.block, signed.source.as_deref()), (0, None, Some("a paper")));
    assert_eq!([0, 1].map(|index| trace.relevance(index).map(|view| view.shape.len())), [Some(4), Some(2)]);
    let states = [WordState::Hidden(0), WordState::Hidden(7), WordState::Logits];
    assert_eq!(document.words[0].states, states);
    let (vocabulary, words) = (trace.vocabulary()?, trace.words(0, 2).ok_or("no words")?);
    let said: Vec<_> = words.numbers(1).map(|number| vocabulary.word(number)).collect();
    assert_eq!((said, words.count), (vec![Some("red"), Some("Ünïcödé"), Some("")], 3));
    assert_eq!((words.scores_of(1), words.scores_of(5).len()), (vec![-3.0, -4.0, -5.0], 0));
    assert_eq!((vocabulary.len(), vocabulary.number("red"), vocabulary.number("blue")), (3, Some(0), None));
    Ok(())
}

#[test]
fn tokens_have_a_modality_and_several_images_or_no_box() -> Result {
    let (_folder, trace) = opened(&Raw::second())?;
    let [main, sound] = trace.document().sequences.as_slice() else { return Err("two sequences".into()) };
    let modalities: Vec<_> = main.tokens.iter().chain(&sound.tokens).map(|token| token.modality().name()).collect();
    assert_eq!(modalities, ["text", "text", "text", "latent", "image", "audio", "image", "image"]);
    assert_eq!(main.tokens[3].content, Content::Latent("query 0".into()));
    let area = Area { x0: 0.0, y0: 0.0, x1: 0.5, y1: 1.0 };
    assert_eq!(main.tokens[4].content, Content::Image { images: vec![0, 1], area: Some(area) });
    assert_eq!((main.tokens[4].image_area(), main.tokens[4].area_on(1)), (Some((0, area)), Some(area)));
    assert_eq!((main.tokens[4].area_on(2), main.tokens[4].label()), (None, None));
    assert_eq!([&sound.tokens[0].label(), &sound.tokens[0].text()], [&None; 2]);
    assert_eq!(sound.tokens.iter().map(|token| token.padding).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(sound.tokens[1].content, Content::Image { images: vec![1], area: None });
    assert_eq!(sound.tokens[2].content, Content::Image { images: vec![], area: None });
    assert_eq!(Modality::ALL.map(Modality::name), ["text", "image", "latent", "audio"]);
    Ok(())
}

#[test]
fn what_is_left_out_has_its_default() -> Result {
    let mut raw = Raw::second().without("lse.self.3").without("lse.self.7");
    for key in ["scale", "softcap", "sink_share", "mask"] {
        raw = raw.changed(&format!("/attention/0/{key}"), Some(Value::Null));
    }
    let (_folder, trace) = opened(&raw.changed("/attention/0/causal", Some(json!(true))))?;
    let LayerTensors::QueriesKeys(layer) = trace.layer(0, 0) else { return Err("queries and keys".into()) };
    assert_eq!((layer.scale, layer.softcap), (1.0 / 2.0_f32.sqrt(), None));
    assert!(layer.lse.is_none() && layer.sink.is_none());
    assert!(trace.document().attention[0].is_causal() && *layer.mask.mask() == Mask::Causal);
    // A list that counts from 0 is a number.
    let (_folder, trace) = opened(&Raw::sound().changed("/format", Some(json!(2))))?;
    let (_other, listed) =
        opened(&Raw::sound().changed("/format", Some(json!(2))).changed("/attention/0/layers", Some(json!([0, 1]))))?;
    assert_eq!(trace.document(), listed.document());
    Ok(())
}

/// A reader of the first version passed over all this.
#[test]
fn in_a_file_of_version_1_it_means_nothing() -> Result {
    let raw = Raw::sound()
        .changed("/attention/0/mask", Some(json!("nonsense")))
        .changed("/attention/0/stored", Some(json!(7)))
        .changed("/sequences/main/tokens/0/modality", Some(json!(["none"])));
    let (_folder, trace) = opened(&raw)?;
    let (_sound, sound) = opened(&Raw::sound())?;
    assert_eq!(trace.document(), sound.document());
    assert_eq!(
        refusal(&Raw::sound().changed("/attention/0/layers", Some(json!([0, 1]))).bytes())?,
        "`attention[0].layers` is a list, expected a whole number that is not negative"
    );
    Ok(())
}

#[test]
fn a_document_that_breaks_a_rule_of_version_2_is_refused() -> Result {
    let set = |place: &str, value: Value| Raw::second().changed(place, Some(value));
    let words =
        "expected \"full\", \"causal\", \"stored\", or an object with `sliding`, `prefix`, `spans` or `causal_but`";
    let spans = "`attention[1].mask.spans";
    let of_sound = ": sequence `sound` has 3 tokens";
    let cases = [
        (
            set("/format", json!(3)),
            "`format` is 3, expected 1 or 2: this version of vlscope reads formats 1 and 2".into(),
        ),
        (set("/attention/0/layers", json!([])), "`attention[0].layers` is [], expected at least 1 layer".into()),
        (
            set("/attention/0/layers", json!([3, 3])),
            "`attention[0].layers[1]` is 3 behind 3, expected each layer once, in ascending order".into(),
        ),
        (
            set("/attention/0/layers", json!([3, -1])),
            "`attention[0].layers[1]` is a number, expected a whole number that is not negative".into(),
        ),
        (
            set("/attention/0/stored", json!("keys")),
            "`attention[0].stored` is \"keys\", expected \"weights\" or \"queries_keys\"".into(),
        ),
        (set("/attention/0/scale", json!("auto")), "`attention[0].scale` is a string, expected a finite number".into()),
        (set("/attention/0/scale", json!(1e300)), "`attention[0].scale` is a number, expected a finite number".into()),
        (set("/attention/0/softcap", json!(0)), "`attention[0].softcap` is 0, expected a number above 0".into()),
        (set("/attention/0/sink_share", json!(1)), "`attention[0].sink_share` is a number, expected a boolean".into()),
        (
            set("/attention/0/causal", json!(true)),
            "`attention[0]` has both `mask` and `causal`, expected one of them".into(),
        ),
        (set("/attention/0/mask", json!("banded")), format!("`attention[0].mask` is \"banded\", {words}")),
        (set("/attention/0/mask", json!({"window": 3})), format!("`attention[0].mask` is {{\"window\":3}}, {words}")),
        (
            set("/attention/0/mask", json!({"sliding": 3, "prefix": 3})),
            format!("`attention[0].mask` is {{\"sliding\":3,\"prefix\":3}}, {words}"),
        ),
        (set("/attention/0/mask", json!(["full", 7])), format!("`attention[0].mask[1]` is 7, {words}")),
        (
            set("/attention/0/mask", json!(["full"])),
            "`attention[0].mask` has 1 entries, expected 2: one a layer".into(),
        ),
        (
            set("/attention/0/mask", json!({"sliding": 0})),
            "`attention[0].mask.sliding` is 0, expected at least 1".into(),
        ),
        (
            set("/attention/0/mask", json!({"prefix": 6})),
            "`attention[0].mask.prefix` is 6, expected at most 5: sequence `main` has 5 tokens".into(),
        ),
        (
            set("/attention/1/mask", json!({"spans": [[0, 4]]})),
            format!("{spans}[0]` is [0, 4], expected [first, end] with 0 <= first < end <= 3{of_sound}"),
        ),
        (
            set("/attention/1/mask", json!({"spans": [[0, 2], [1, 3]]})),
            format!("{spans}[1]` is [1, 3], expected [first, end] with 2 <= first < end <= 3{of_sound}"),
        ),
        (
            set("/attention/1/mask", json!({"spans": [[0, 2, 3]]})),
            format!("{spans}[0]` is [0, 2, 3], expected [first, end] with 0 <= first < end <= 3{of_sound}"),
        ),
        (
            set("/attention/1/mask", json!({"causal_but": 3})),
            "`attention[1].mask.causal_but` is a number, expected a list".into(),
        ),
        (
            set("/sequences/main/tokens/0", json!({"modality": "smell"})),
            "`sequences.main.tokens[0].modality` is \"smell\", expected \"text\", \"image\", \"latent\" or \"audio\""
                .into(),
        ),
        (
            set("/sequences/main/tokens/0", json!({"special": true})),
            "`sequences.main.tokens[0]` has neither `text` nor `image` nor `modality`, expected one of them".into(),
        ),
        (
            set("/sequences/main/tokens/0", json!({"modality": "text"})),
            "`sequences.main.tokens[0].text` is missing: its modality is \"text\"".into(),
        ),
        (
            set("/sequences/main/tokens/0", json!({"modality": "image", "text": "a"})),
            "`sequences.main.tokens[0]` has `text`, which a token of modality \"image\" has not".into(),
        ),
        (
            set("/sequences/main/tokens/0", json!({"modality": "audio", "image": 0})),
            "`sequences.main.tokens[0]` has `image`, which a token of modality \"audio\" has not".into(),
        ),
        (
            set("/sequences/main/tokens/0", json!({"image": [0, 2]})),
            "`sequences.main.tokens[0].image[1]` is 2, expected less than 2: `images` is 2".into(),
        ),
        (
            set("/sequences/main/tokens/0", json!({"image": 0, "padding": "yes"})),
            "`sequences.main.tokens[0].padding` is a string, expected a boolean".into(),
        ),
        (set("/image_times", json!([1])), "`image_times` has 1 entries, expected 2: one an image".into()),
        (set("/image_times", json!([1, "2"])), "`image_times[1]` is a string, expected a finite number".into()),
        (
            set("/relevance/1/name", json!("gradient")),
            "`relevance[1].name` is \"gradient\", which another relevance has".into(),
        ),
        (
            set("/relevance/1/targets", json!([0, 5])),
            "`relevance[1].targets[1]` is 5, expected less than 5: sequence `main` has 5 tokens".into(),
        ),
        (
            set("/relevance/0/attention", json!("none")),
            "`relevance[0].attention` is \"none\", expected a name in `attention`: self, cross".into(),
        ),
        (set("/relevance/1/signed", json!("yes")), "`relevance[1].signed` is a string, expected a boolean".into()),
        (
            set("/words/0/sequence", json!("other")),
            "`words[0].sequence` is \"other\", expected a name in `sequences`: main, sound".into(),
        ),
        (
            set("/words/0/states", json!([7, 0])),
            "`words[0].states[1]` is 0 behind 7, expected each state once, in ascending order".into(),
        ),
        (
            set("/words/0/states", json!(["output"])),
            "`words[0].states[0]` is \"output\", expected the number of a hidden state or \"logits\"".into(),
        ),
        (
            set("/attention/0/statistics", json!(["sink", "sink"])),
            "`attention[0].statistics[1]` is \"sink\", which is there already".into(),
        ),
    ];
    assert_eq!(refusal(&Raw::second().bytes())?, "opened");
    for (raw, message) in cases {
        assert_eq!(refusal(&raw.bytes())?, message);
    }
    Ok(())
}

#[test]
fn a_tensor_of_version_2_that_is_missing_or_does_not_fit_is_refused() -> Result {
    let without = |name: &str| Raw::second().without(name);
    let with = |name: &str, dtype, shape: &[usize]| Raw::second().with(name, Tensor::zeros(dtype, shape));
    let main = ": sequence `main` has 5 tokens";
    let cases = [
        (
            without("query.self.7"),
            "tensor `query.self.7` is missing: `attention[0].stored` is \"queries_keys\"".to_owned(),
        ),
        (without("key.self.3"), "tensor `key.self.3` is missing: `attention[0].stored` is \"queries_keys\"".into()),
        (without("lse.self.3"), "tensor `lse.self.3` is missing: `attention[0].stored` is \"queries_keys\"".into()),
        (without("sink.self.3"), "tensor `sink.self.3` is missing: `attention[0].sink_share` is true".into()),
        (without("mask.self.7"), "tensor `mask.self.7` is missing: `attention[0].mask[1]` is \"stored\"".into()),
        (without("attention.cross.9"), "tensor `attention.cross.9` is missing: `attention[1].layers[0]` is 9".into()),
        (
            with("key.self.3", "F32", &[3, 5, 2]),
            "tensor `key.self.3` has shape [3, 5, 2], expected [a divisor of 4, 5, 2]: `query.self.3` has 4 heads"
                .into(),
        ),
        (
            with("key.self.3", "F32", &[0, 5, 2]),
            "tensor `key.self.3` has shape [0, 5, 2], expected [a divisor of 4, 5, 2]: `query.self.3` has 4 heads"
                .into(),
        ),
        (
            with("key.self.3", "F16", &[2, 5, 3]),
            "tensor `key.self.3` has shape [2, 5, 3], expected [a divisor of 4, 5, 2]: `query.self.3` has 2 dim".into(),
        ),
        (
            with("key.self.3", "F16", &[2, 4, 2]),
            format!("tensor `key.self.3` has shape [2, 4, 2], expected [a divisor of 4, 5, 2]{main}"),
        ),
        (
            with("query.self.3", "F16", &[4, 6, 2]),
            format!("tensor `query.self.3` has shape [4, 6, 2], expected [heads, 5, dim]{main}"),
        ),
        (with("lse.self.3", "F16", &[4, 5]), "tensor `lse.self.3` has dtype F16, expected F32".into()),
        (
            with("lse.self.7", "F32", &[2, 5]),
            "tensor `lse.self.7` has shape [2, 5], expected [4, 5]: `query.self.7` has 4 heads".into(),
        ),
        (
            with("sink.self.7", "F32", &[5]),
            "tensor `sink.self.7` has shape [5], expected [4]: `query.self.7` has 4 heads".into(),
        ),
        (with("mask.self.7", "U8", &[5, 4]), format!("tensor `mask.self.7` has shape [5, 4], expected [5, 5]{main}")),
        (
            without("statistics.self"),
            "tensor `statistics.self` is missing: `attention[0].statistics` names some".into(),
        ),
        (without("relevance.signed"), "tensor `relevance.signed` is missing: `relevance[1].name` is \"signed\"".into()),
        (without("words.main.7"), "tensor `words.main.7` is missing: `words[0].states[1]` is 7".into()),
        (
            without("word_scores.main.logits"),
            "tensor `word_scores.main.logits` is missing: `words[0].states[2]` is logits".into(),
        ),
        (without("vocabulary"), "tensor `vocabulary` is missing: the document has `words`".into()),
        (
            with("statistics.self", "F32", &[2, 4, 1]),
            "tensor `statistics.self` has shape [2, 4, 1], expected [2, 4, 2]".into(),
        ),
        (
            with("relevance.gradient", "F32", &[2, 3]),
            "tensor `relevance.gradient` has shape [2, 3], expected [2, 1, 1, 3]: sequence `sound` has 3 tokens".into(),
        ),
        (
            with("relevance.signed", "F32", &[2, 5]),
            format!("tensor `relevance.signed` has shape [2, 5], expected [1, 5]{main}"),
        ),
        (with("words.main.0", "I64", &[5, 2]), "tensor `words.main.0` has dtype I64, expected I32".into()),
        (
            with("word_scores.main.7", "F32", &[5, 2]),
            "tensor `word_scores.main.7` has shape [5, 2], expected [5, 1]: `words.main.7` has 1 words a token".into(),
        ),
        (
            with("value_norm.cross.9", "F16", &[2, 3]),
            "tensor `value_norm.cross.9` has shape [2, 3], expected [1, 3]: `attention.cross.9` has 1 heads".into(),
        ),
    ];
    for (raw, message) in cases {
        assert_eq!(refusal(&raw.bytes())?, message);
    }
    Ok(())
}

#[test]
fn values_are_checked_by_mask_and_sink() -> Result {
    let (_folder, trace) = opened(&Raw::second())?;
    let said = |trace: &Trace| -> Result<Vec<String>> {
        Ok(check(trace, &|_| ())?.into_iter().map(|finding| finding.message).collect())
    };
    // Two rows of `cross` see nothing.
    let empty = "2 of 5 rows of `attention.cross.9` do not sum to 1 within 0.0001: the worst, [0, 3], sums to 0.0000";
    assert_eq!(said(&trace)?, [empty]);
    let (_folder, trace) = opened(&Raw::second().changed("/attention/1/sink_share", Some(json!(true))))?;
    assert_eq!(said(&trace)?, Vec::<String>::new(), "the sink has the rest");
    let rows = [[0.5, 0.25, 0.25], [0.25, 0.75, 0.0], [0.0, 0.0, 1.0], [0.0; 3], [0.0; 3]].concat();
    let raw = Raw::second()
        .changed("/attention/1/sink_share", Some(json!(true)))
        .with("attention.cross.9", Tensor::f32(&[1, 5, 3], rows))
        .with("lse.self.3", Tensor::f32(&[4, 5], (0..20).map(|row| if row < 2 { f32::NEG_INFINITY } else { f32::NAN })))
        .with("sink.self.7", Tensor::f32(&[4], [f32::INFINITY; 4]));
    let (_folder, trace) = opened(&raw)?;
    assert_eq!(
        said(&trace)?,
        [
            "attention.cross.9[0, 0, 2] is 0.25, a key that the mask hides",
            "lse.self.3[0, 2] is NaN, as are 17 more values",
            "sink.self.7[0] is infinite, as are 3 more values",
        ]
    );
    let sound = || Raw::second().changed("/attention/1/sink_share", Some(json!(true)));
    let raw = sound()
        .with("relevance.gradient", Tensor::f32(&[2, 1, 1, 3], [0.0, 1.0, -0.5, 0.0, -2.0, 0.0]))
        .with(
            "word_scores.main.logits",
            Tensor::f32(&[5, 3], (0..15).map(|at| if at == 4 { 0.5 } else { f32::NEG_INFINITY })),
        )
        .with("words.main.0", Tensor::i32(&[5, 2], [0, 0, 0, 7, 0, 8, 0, 0, 0, 0]));
    let (_folder, trace) = opened(&raw)?;
    assert_eq!(
        said(&trace)?,
        [
            "relevance.gradient[0, 0, 0, 2] is -0.5, and this relevance is not signed, as is 1 more value",
            "word_scores.main.logits[1, 1] is 0.5, a log-probability above 0",
            "words.main.0[1, 1] is 7, which is not in the vocabulary, as is 1 more value",
        ]
    );
    for (text, message) in [
        ("[\"red\"]", "tensor `vocabulary` is no JSON object of strings: line 1, column 0"),
        ("{\"1.5\": \"red\"}", "tensor `vocabulary` has the key \"1.5\", expected a whole number"),
    ] {
        let (_folder, trace) = opened(&sound().with("vocabulary", Tensor::text(text)))?;
        assert_eq!(check(&trace, &|_| ()).err().map(|error| error.message).as_deref(), Some(message));
    }
    Ok(())
}

/// Whatever the bytes, there is an error or a trace, never a panic.
#[test]
fn flipped_bytes_never_panic() -> Result {
    let sound = Raw::second().bytes();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("flipped.safetensors");
    let header_end = 8 + u64::from_le_bytes(sound[..8].try_into()?) as usize;
    let mut opened = 0;
    for (step, place) in (0..header_end).enumerate() {
        let mut bytes = sound.clone();
        bytes[place] ^= 1 << (step % 8);
        std::fs::write(&path, bytes)?;
        let Ok(trace) = Trace::open(&path) else { continue };
        opened += 1;
        let _ = check(&trace, &|_| ());
        for (index, block) in trace.document().attention.iter().enumerate() {
            for layer in 0..block.layers {
                let mask = trace.mask(index, layer);
                (0..6).for_each(|query| assert!(mask.keys_of(query).all(|run| run.end <= 5)));
                assert!(matches!(trace.layer(index, layer), LayerTensors::Weights(_)) || trace.heads(index, layer) < 9);
            }
        }
    }
    assert!(opened > 20, "only {opened} opened");
    Ok(())
}

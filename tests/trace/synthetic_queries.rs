//! Synthetic traces of queries and keys: sound, planted as the document says, the same bytes from the same seed.

use crate::common::{Result, synthetic};
use vlscope::trace::check::check;
use vlscope::trace::{Dtype, LayerTensors, Mask, QueriesKeys, Synthetic, SyntheticQueries, Trace, WordState};

/// 3 frames of 4 × 5 patches and 7 text tokens; 6 heads share 2.
fn video(masks: Vec<Mask>) -> SyntheticQueries {
    SyntheticQueries {
        each: Synthetic { layers: 2, heads: 6, text: 7, ..synthetic() },
        key_heads: 2,
        head_dim: 64,
        masks,
        frames: 3,
        log_sum_exp: false,
    }
}

fn written(synthetic: &SyntheticQueries) -> Result<(tempfile::TempDir, Trace)> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    let mut bytes = 0;
    synthetic.write(&path, &mut |part| bytes += part)?;
    assert_eq!(Some(bytes), synthetic.bytes());
    Ok((folder, Trace::open(&path)?))
}

/// One row by its definition, in f64.
fn row(layer: &QueriesKeys<'_>, head: usize, query: usize) -> Vec<f64> {
    let (dim, keys) = (layer.query.shape[2], layer.key.shape[1]);
    let q = layer.query.entry(head).entry(query).to_f32();
    let k = layer.key.entry(head / (layer.query.shape[0] / layer.key.shape[0])).to_f32();
    let logit = |key: usize| {
        let product: f64 = q.iter().zip(&k[key * dim..]).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
        if layer.mask.allows(query, key) { (product * f64::from(layer.scale)).exp() } else { 0.0 }
    };
    let exponentials: Vec<f64> = (0..keys).map(logit).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}

#[test]
fn every_mask_gives_a_sound_trace_with_its_planted_keys() -> Result {
    let frames: Vec<_> = (0..3).map(|frame| video(Vec::new()).frame_tokens(frame)).collect();
    let around = std::iter::once(0..1).chain(frames.clone()).chain(std::iter::once(61..67)).collect();
    let lists = [
        vec![Mask::Causal],
        vec![Mask::Full],
        vec![Mask::Stored, Mask::Sliding(30)],
        vec![Mask::CausalBut(frames.clone()), Mask::Prefix(9)],
        vec![Mask::Spans(around)],
    ];
    for masks in lists {
        let synthetic = video(masks);
        let (_folder, trace) = written(&synthetic)?;
        assert_eq!(check(&trace, &|_| ())?, [], "{:?}", synthetic.masks);
        for layer in 0..2 {
            let LayerTensors::QueriesKeys(stored) = trace.layer(0, layer) else { return Err("no queries".into()) };
            assert_eq!(stored.mask.mask(), synthetic.mask(layer));
            let mut shares = [(0.0, 0); 6];
            for (head, (share, rows)) in shares.iter_mut().enumerate() {
                for query in 0..synthetic.tokens() {
                    let planted = synthetic.planted_keys(layer, head, query);
                    let weights = row(&stored, head, query);
                    let on_planted: f64 = planted.iter().map(|key| weights[*key]).sum();
                    // A row of a few keys has no average over codes.
                    let others = weights.iter().filter(|weight| **weight > 0.0).count() - planted.len();
                    if !planted.is_empty() && others >= 20 {
                        (*share, *rows) = (*share + on_planted, *rows + 1);
                    }
                }
            }
            let wanted = f64::from(synthetic.each.planted_share(layer));
            for (head, (share, rows)) in shares.into_iter().enumerate().filter(|(_, (_, rows))| *rows >= 5) {
                // Head 3 has but six rows, of four keys each.
                let tolerance = if head == 3 { 0.2 } else { 0.1 };
                let share = share / f64::from(rows);
                assert!((share - wanted).abs() < tolerance, "{:?} {layer}.{head}: {share}", synthetic.masks);
            }
            assert_eq!(shares[5], (0.0, 0));
        }
    }
    Ok(())
}

#[test]
fn the_words_the_relevance_and_the_norms_are_planted_too() -> Result {
    let synthetic = video(vec![Mask::Causal]);
    let (_folder, trace) = written(&synthetic)?;
    let document = trace.document();
    assert_eq!(document.image_times, [Some(0.0), Some(0.5), Some(1.0)]);
    assert_eq!(
        document.words[0].states,
        [0, 1, 2].map(WordState::Hidden).into_iter().chain([WordState::Logits]).collect::<Vec<_>>()
    );
    let (vocabulary, words) = (trace.vocabulary()?, trace.words(0, 3).ok_or("no words")?);
    let word = |token: usize| words.numbers(token).next().and_then(|number| vocabulary.word(number));
    assert_eq!(word(synthetic.object_tokens(1)[0]), Some("red"));
    assert_eq!([word(0), word(61), word(62)], ["grey", "what", "colour"].map(Some));
    let scores = words.scores_of(5);
    assert!((scores[0] - 0.9_f32.ln()).abs() < 1e-6 && scores.len() == 3 && scores[1] > scores[2], "{scores:?}");
    let relevance = trace.relevance(0).ok_or("no relevance")?;
    assert_eq!((relevance.shape.as_slice(), document.relevance[0].targets.as_slice()), (&[1, 67][..], &[66][..]));
    let relevance = relevance.to_f32();
    assert!(synthetic.object_tokens(2).iter().all(|token| relevance[*token] == 1.0) && relevance[0] < 0.0);
    let norms = trace.value_norm(0, 1).ok_or("no norms")?.entry(2).to_f32();
    assert!(norms[0] < 0.06 && norms[1..].iter().all(|norm| *norm >= 0.5));
    Ok(())
}

#[test]
fn the_seed_decides_every_byte() -> Result {
    let bytes = |synthetic: &SyntheticQueries| -> Result<Vec<u8>> {
        let (folder, _) = written(synthetic)?;
        Ok(std::fs::read(folder.path().join("trace.safetensors"))?)
    };
    let synthetic = video(vec![Mask::Causal]);
    assert_eq!(bytes(&synthetic)?, bytes(&synthetic)?);
    let other = SyntheticQueries { each: Synthetic { seed: 8, ..synthetic.each.clone() }, ..synthetic.clone() };
    assert_ne!(bytes(&synthetic)?, bytes(&other)?);
    Ok(())
}

/// Of what is stored, in each dtype, on every mask.
#[test]
fn log_sum_exp_is_that_of_queries_and_keys() -> Result {
    for (dtype, masks) in [
        (Dtype::F32, vec![Mask::Causal, Mask::Stored]),
        (Dtype::F16, vec![Mask::Sliding(5), Mask::Full]),
        (Dtype::Bf16, vec![Mask::Prefix(20), Mask::Spans(vec![0..9, 21..67])]),
    ] {
        let video = video(masks);
        let each = Synthetic { dtype, ..video.each.clone() };
        let (_folder, trace) = written(&SyntheticQueries { each, log_sum_exp: true, ..video })?;
        assert_eq!(check(&trace, &|_| ())?, []);
        for layer in 0..2 {
            let LayerTensors::QueriesKeys(stored) = trace.layer(0, layer) else { return Err("no queries".into()) };
            let lse = stored.lse.as_ref().ok_or("no lse")?.to_f32();
            let (dim, keys) = (stored.query.shape[2], stored.key.shape[1]);
            for head in 0..6 {
                let k = stored.key.entry(head / 3).to_f32();
                for query in 0..keys {
                    let q = stored.query.entry(head).entry(query).to_f32();
                    let logit = |key: usize| {
                        let product: f64 =
                            q.iter().zip(&k[key * dim..]).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum();
                        (product * f64::from(stored.scale)).exp()
                    };
                    let sum: f64 = stored.mask.keys_of(query).flatten().map(logit).sum();
                    let found = f64::from(lse[head * keys + query]);
                    assert!((found - sum.ln()).abs() < 1e-5 || found == sum.ln(), "{found} instead of {}", sum.ln());
                }
            }
        }
    }
    Ok(())
}

#[test]
fn sizes_that_no_trace_has_are_refused() -> Result {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("trace.safetensors");
    let said = |synthetic: SyntheticQueries| synthetic.write(&path, &mut |_| ()).err().map(|error| error.message);
    let sound = || video(vec![Mask::Causal]);
    let divides = "cannot write 6 heads that share 4 key heads: that does not divide";
    assert_eq!(said(SyntheticQueries { key_heads: 4, ..sound() }).as_deref(), Some(divides));
    assert!(said(SyntheticQueries { frames: 0, ..sound() }).is_some_and(|said| said.contains("without")));
    let endless = SyntheticQueries { head_dim: usize::MAX / 2, ..sound() };
    assert!(said(endless).is_some_and(|said| said.contains("larger than any file")));
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "nothing is left behind");
    // No hidden states, one head, one patch.
    let each = Synthetic { layers: 1, heads: 1, text: 2, rows: 1, columns: 1, dim: 0, dtype: Dtype::F16, seed: 0 };
    let least =
        SyntheticQueries { each, key_heads: 1, head_dim: 1, masks: vec![Mask::Full], frames: 1, log_sum_exp: true };
    let (_folder, trace) = written(&least)?;
    assert_eq!((trace.heads(0, 0), trace.document().hidden.len()), (1, 0));
    Ok(())
}

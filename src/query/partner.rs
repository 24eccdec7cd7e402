//! The numbers of a second trace, for what is selected in the first.

use std::sync::atomic::AtomicBool;

use anyhow::Result;

use super::{Analyst, OpenTrace, Question};
use crate::analysis::{Pick, Selection};
use crate::view::{Evidence, partner_selection};

/// A trace that another is compared with.
#[derive(Clone, Debug)]
pub struct Partner {
    /// What is selected in it.
    pub selection: Selection,
    /// Its numbers. Where it lacks what is selected there are no weights, and `refusal` says why.
    pub evidence: Evidence,
}

impl Partner {
    /// Puts the question that `a` was asked to `b`: the block of the same name, the same layer and head, the tokens that stand
    /// for those of `a`.
    ///
    /// # Errors
    /// If the engine fails, or was stopped.
    pub fn ask(
        analyst: &mut Analyst,
        a: &OpenTrace,
        b: &OpenTrace,
        question: &Question,
        stop: &AtomicBool,
    ) -> Result<Self> {
        let (selection, why) = match partner_selection(a.document(), b.document(), &question.selection) {
            Ok(selection) => {
                let why = lacks(b, &selection);
                (selection, why)
            }
            Err(why) => {
                // The heads compare all the same, where there is a block.
                let any = Selection { tokens: Vec::new(), ..question.selection.clone() };
                match partner_selection(a.document(), b.document(), &any) {
                    Ok(selection) => (selection, Some(why)),
                    Err(why) => {
                        let evidence = Evidence { refusal: Some(why), ..Evidence::default() };
                        return Ok(Self { selection: any, evidence });
                    }
                }
            }
        };
        let Some(why) = why else {
            let question = Question { selection, ..question.clone() };
            let evidence = analyst.answer(b, &question, stop)?;
            return Ok(Self { selection: question.selection, evidence });
        };
        let whole = Selection { block: selection.block, layer: Pick::Mean, head: Pick::Mean, ..Selection::default() };
        let question = Question { selection: whole, ..question.clone() };
        let statistic = analyst.answer(b, &question, stop)?.statistic;
        Ok(Self { selection, evidence: Evidence { statistic, refusal: Some(why), ..Evidence::default() } })
    }
}

/// What the trace lacks of a selection's layer and head.
fn lacks(open: &OpenTrace, selection: &Selection) -> Option<String> {
    let block = &open.document().attention[selection.block];
    if let Pick::One(layer) = selection.layer
        && layer >= block.layers
    {
        return Some(format!("B has no layer {layer}: its block `{}` has {}", block.name, block.layers));
    }
    if let Pick::One(head) = selection.head {
        let heads = selection.layer.indices(block.layers).map(|layer| open.trace.heads(selection.block, layer)).max();
        let heads = heads.unwrap_or(0);
        return (head >= heads).then(|| format!("B has no head {head}: its block `{}` has {heads} there", block.name));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::path::Path;

    use super::*;
    use crate::analysis::Engine;

    fn open(name: &str) -> Result<OpenTrace> {
        OpenTrace::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces").join(name))
    }

    #[test]
    fn a_partner_answers_as_the_trace_itself_does() -> std::result::Result<(), Box<dyn Error>> {
        let trace = open("encoder-decoder.safetensors")?;
        let mut analyst = Analyst::new(Engine::cpu());
        let selection = Selection { block: 2, layer: Pick::One(1), tokens: vec![1, 2], ..Selection::default() };
        let question = Question { selection, statistic: "entropy".to_owned(), ..Question::default() };
        let stop = AtomicBool::new(false);
        let own = analyst.answer(&trace, &question, &stop)?;
        let partner = Partner::ask(&mut analyst, &trace, &trace, &question, &stop)?;
        assert_eq!(partner.selection, question.selection);
        assert_eq!((partner.evidence.weights, partner.evidence.statistic), (own.weights, own.statistic));
        Ok(())
    }

    #[test]
    fn what_a_partner_lacks_is_said() -> std::result::Result<(), Box<dyn Error>> {
        let (a, b) = (open("encoder-decoder.safetensors")?, open("multi-image.safetensors")?);
        let mut analyst = Analyst::new(Engine::cpu());
        let mut ask = |a: &OpenTrace, b: &OpenTrace, selection| {
            let question = Question { selection, statistic: "entropy".to_owned(), ..Question::default() };
            Partner::ask(&mut analyst, a, b, &question, &AtomicBool::new(false))
        };
        let no_block = ask(&a, &b, Selection { block: 2, ..Selection::default() })?;
        assert!(no_block.evidence.refusal.is_some_and(|why| why.starts_with("B has no block `")));
        let no_layer = ask(&b, &b, Selection { layer: Pick::One(99), ..Selection::default() })?;
        assert!(no_layer.evidence.refusal.is_some_and(|why| why.starts_with("B has no layer 99: ")));
        assert!(!no_layer.evidence.statistic.values.is_empty(), "the heads compare all the same");
        let no_head = ask(&b, &b, Selection { layer: Pick::Mean, head: Pick::One(77), ..Selection::default() })?;
        assert!(no_head.evidence.refusal.is_some_and(|why| why.starts_with("B has no head 77: ")));
        Ok(())
    }
}

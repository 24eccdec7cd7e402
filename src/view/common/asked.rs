//! The requests that several views make of their inputs. What a view needs and what it draws of are the same functions, so that
//! none is drawn of what it did not ask for.

use crate::analysis::normalize::Normalization;
use crate::analysis::sinks::Sinks;
use crate::analysis::statistics::{is_constant, mean, statistic};
use crate::analysis::{Selection, WeightKind};
use crate::query::{
    BlockPeaks, BlockSinks, BlockStatistics, DecodedState, HeadRelevance, HeadShares, Normalized, Plane, Projection,
    Query, StateSimilarity, StatisticGrid, Weights, hidden_state,
};
use crate::view::Inputs;

/// The weights of the selection, as they are coloured, and what the views say about them.
pub(in crate::view) fn of_selection(inputs: &Inputs<'_>) -> Vec<Query> {
    if !has_attention(inputs) {
        return Vec::new();
    }
    let mut needs: Vec<Query> = vec![Weights::of(inputs.shown).into()];
    needs.extend(normalized(inputs).map(Query::from));
    needs.extend(sinks(inputs).map(Query::from));
    needs.extend(peaks(inputs).map(Query::from));
    needs.extend(decoded(inputs).into_iter().map(Query::from));
    needs
}

pub(in crate::view) fn has_attention(inputs: &Inputs<'_>) -> bool {
    inputs.refusal.is_none() && inputs.shown.block < inputs.document.attention.len()
}

/// `None` where weights are coloured as they are.
pub(in crate::view) fn normalized(inputs: &Inputs<'_>) -> Option<Normalized> {
    Normalized::of(inputs.shown, normalization(inputs))
}

/// What is done to the weights before they are coloured: nothing where they have a sign, which it would take away.
pub(in crate::view) fn normalization(inputs: &Inputs<'_>) -> Normalization {
    match inputs.shown.weights.is_signed(inputs.document) {
        true => Normalization::None,
        false => inputs.options.normalization,
    }
}

/// `None` where sinks are shown like all other tokens.
pub(in crate::view) fn sinks(inputs: &Inputs<'_>) -> Option<BlockSinks> {
    BlockSinks::treated(inputs.shown).filter(|_| has_attention(inputs))
}

/// The sinks, where they are treated in another way than all tokens, and known.
pub(in crate::view) fn known_sinks<'a>(inputs: &Inputs<'a>) -> Option<&'a Sinks> {
    inputs.results.get(&sinks(inputs)?)
}

/// `None` where colours reach up to the largest of what is shown.
pub(in crate::view) fn peaks(inputs: &Inputs<'_>) -> Option<BlockPeaks> {
    (inputs.options.lock_scale && has_attention(inputs)).then(|| BlockPeaks::of(inputs.shown))
}

/// The heads' shares of attention to the tokens that the options name; `None` where they name none.
fn shares(inputs: &Inputs<'_>) -> Option<HeadShares> {
    let others = inputs.options.to.as_ref().filter(|_| has_attention(inputs))?;
    Some(HeadShares::of(inputs.shown, others))
}

/// The statistic of the heads; `None` where there are none, or others are shown in its place.
pub fn statistics(inputs: &Inputs<'_>) -> Option<BlockStatistics> {
    let (block, options) = (inputs.shown.block, inputs.options);
    let exists = block < inputs.document.attention.len() && !options.statistic.is_empty() && options.to.is_none();
    let of = |weights| BlockStatistics::of(block, &options.statistic, options.specials).of_weights(weights);
    exists.then(|| of(&inputs.shown.weights))
}

/// A relevance that is divided among heads: it is shown in place of a statistic.
fn head_relevance(inputs: &Inputs<'_>) -> Option<HeadRelevance> {
    let (_, relevance) = inputs.shown.weights.relevance(inputs.document)?;
    (has_attention(inputs) && relevance.block == Some(inputs.shown.block)).then(|| HeadRelevance::of(inputs.shown))
}

/// What the numbers of the heads are of.
pub(in crate::view) fn of_heads(inputs: &Inputs<'_>) -> Option<Query> {
    let of_relevance = || head_relevance(inputs).map(Query::from);
    shares(inputs).map(Query::from).or_else(of_relevance).or_else(|| statistics(inputs).map(Query::from))
}

/// Why there are no numbers of the heads.
pub(in crate::view) fn failure_of_heads<'a>(inputs: &Inputs<'a>) -> Option<&'a str> {
    if let Some(request) = shares(inputs) {
        return inputs.results.failure(&request);
    }
    match head_relevance(inputs) {
        Some(request) => inputs.results.failure(&request),
        None => inputs.results.failure(&statistics(inputs)?),
    }
}

/// The numbers of the heads as far as they are known, and how many layers of how many that are; empty where nothing is.
pub fn statistic_grid(inputs: &Inputs<'_>) -> (StatisticGrid, Option<[usize; 2]>) {
    if let Some(request) = shares(inputs) {
        let Some(known) = inputs.results.get(&request) else { return Default::default() };
        let z_score = inputs.options.z_score;
        let mut grid = known.grid(inputs.document, inputs.shown.block, HeadShares::NAME, z_score);
        grid.label = z_score.map_or(request.label(), |over| format!("{}, {}", request.label(), over.label()));
        return (grid, inputs.results.is_part(&request).then_some(known.layers));
    }
    if let Some(request) = head_relevance(inputs) {
        let Selection { block, weights, .. } = inputs.shown;
        let known = inputs.results.get(&request);
        let grid = known.map(|found| StatisticGrid::of_relevance(inputs.document, *block, weights, found));
        return (grid.unwrap_or_default(), None);
    }
    let Some(request) = statistics(inputs) else { return Default::default() };
    let Some(known) = inputs.results.get(&request) else { return Default::default() };
    let options = inputs.options;
    let mut grid = known.grid(inputs.document, inputs.shown.block, &options.statistic, options.z_score);
    let is_constant = is_constant(&options.statistic, inputs.document, inputs.shown.block, options.specials);
    if is_constant && options.z_score.is_none() {
        // Stored in half precision, the rows add up to 1 but for what that cannot say.
        grid.flat = grid.flat.or(Some(mean(&grid.values)).filter(|mean| mean.is_finite()));
    }
    if inputs.shown.weights == WeightKind::NormWeighted && statistic(&options.statistic).is_some() {
        grid.label = format!("{}, norm-weighted", grid.label);
    }
    (grid, inputs.results.is_part(&request).then_some(known.layers))
}

/// The hidden states in the plane; `None` where there are none.
pub fn plane(inputs: &Inputs<'_>) -> Option<Plane> {
    Plane::of(inputs.document, inputs.shown, inputs.options.hidden_state, inputs.options.embedding.recipe)
}

/// The places that are shown: on their way from one state to the next, or those of the state.
pub fn projection<'a>(inputs: &Inputs<'a>) -> Option<&'a Projection> {
    inputs.moving.or_else(|| inputs.results.get(&plane(inputs)?))
}

/// Index of the hidden states and of the state that are shown.
pub(in crate::view) fn state(inputs: &Inputs<'_>) -> Option<(usize, usize)> {
    hidden_state(inputs.document, inputs.shown, inputs.options.hidden_state)
}

/// What the selected states decode to: of each sequence that has words.
pub(in crate::view) fn decoded(inputs: &Inputs<'_>) -> Vec<DecodedState> {
    let sequences = inputs.document.words.iter().map(|words| words.sequence);
    sequences.filter_map(|sequence| decoded_of(inputs, sequence)).collect()
}

/// The same of one sequence.
pub(in crate::view) fn decoded_of(inputs: &Inputs<'_>, sequence: usize) -> Option<DecodedState> {
    DecodedState::of(inputs.document, sequence, inputs.shown, inputs.options.hidden_state)
}

/// The output of the block's queries, with the alternatives of each step.
pub(in crate::view) fn alternatives(inputs: &Inputs<'_>) -> Option<DecodedState> {
    let block = inputs.document.attention.get(inputs.shown.block)?;
    DecodedState::output(inputs.document, block.query)
}

/// The word that was typed, if any was.
pub(in crate::view) fn wanted_word<'a>(inputs: &Inputs<'a>) -> Option<&'a str> {
    inputs.options.decodes_to.as_deref().map(str::trim).filter(|word| !word.is_empty())
}

/// The similarity of all states; `None` where there are none.
pub(in crate::view) fn similarity(inputs: &Inputs<'_>) -> Option<StateSimilarity> {
    StateSimilarity::of(inputs.document, inputs.shown)
}

//! What the menus of the panels hold, for the palette: each entry by the words of its menu, after what it is about.

use glam::Vec2;

use super::entry::{Entry, entry, option};
use crate::analysis::neighbours::Metric;
use crate::analysis::pool::Pooling;
use crate::analysis::projection::{Align, Method};
use crate::analysis::statistics;
use crate::analysis::timeline::TokenGroup;
use crate::analysis::{Rollout, SinkTreatment};
use crate::app::model::browsing::DatasetCommand;
use crate::app::model::choices::{Exports, Playing, UI_SCALES};
use crate::app::model::command::Command;
use crate::app::model::panel::Panel;
use crate::app::model::state::State;
use crate::app::model::tokens::TokenCommand;
use crate::app::panels::browser::columns;
use crate::app::panels::heads::{STRONGEST, Z_SCORES};
use crate::app::panels::{aggregation, export_menu, top_bar};
use crate::export::Play;
use crate::render::Keep;
use crate::view::{
    ColorBy, HeadsOrder, LinkColor, MatrixBlock, Options, SizeBy, Target, Tiles, TokenColor, statistic_grid,
};

/// All of them.
pub fn all(state: &State) -> Vec<Entry> {
    [exports(state), weights(state), heads(state), embedding(state), views(state), window(state), dataset(state)]
        .concat()
}

/// Of each panel: its pictures, its numbers, the command that draws it.
fn exports(state: &State) -> Vec<Entry> {
    let mut entries = Vec::new();
    for panel in Panel::ALL {
        let title = panel.title();
        let words = |name: &str| format!("export {title}: {name}");
        match panel.view() {
            Some(view) => {
                let offered = export_menu::offered(state.playing.play);
                entries.extend(offered.map(|(name, export)| entry(words(&name), Command::Export(view, export))));
                entries.push(entry(words("Copy command"), Command::CopyCommand(Some(view))));
            }
            None if panel == Panel::Examples => {}
            None => entries.extend(
                export_menu::PICTURES.map(|(name, export)| entry(words(name), Command::ExportPanel(panel, export))),
            ),
        }
    }
    let now = state.exports;
    entries.extend(
        export_menu::SCALES
            .map(|scale| entry(format!("export: scale {scale}×"), Command::SetExports(Exports { scale, ..now }))),
    );
    let asks = Exports { asks: !now.asks, ..now };
    entries.push(entry(switch("export: ask where", now.asks), Command::SetExports(asks)));
    let caption = Exports { caption: !now.caption, ..now };
    entries.push(entry(switch("export: caption beneath", now.caption), Command::SetExports(caption)));
    entries.push(toggle(state, "export: colour bar", |options| &mut options.colour_bar));
    entries
}

/// Sets of tokens and how they combine, rollout, attention sinks.
fn weights(state: &State) -> Vec<Entry> {
    let mut entries = vec![entry("select no token", Command::ClearTokens)];
    entries.extend(aggregation::token_sets_of(state).into_iter().filter(|set| !set.tokens.is_empty()).map(|set| {
        let select = Command::SelectTokens { sequence: set.sequence, tokens: set.tokens, extend: false };
        entry(format!("select: {}", set.name), select)
    }));
    entries.extend(aggregation::COMBINATIONS.map(|(combine, name)| entry(name, Command::SetCombine(combine))));
    let selection = &state.selection;
    let is_self_attention = state.block().is_some_and(|block| block.query == block.key);
    let words = switch("rollout through the layers", selection.rollout.is_some());
    match selection.rollout {
        Some(_) => entries.push(entry(words, Command::SetRollout(None))),
        None if is_self_attention => entries.push(entry(words, Command::SetRollout(Some(Rollout::default())))),
        None => {}
    }
    let sinks =
        |(treatment, name): (SinkTreatment, &str)| entry(format!("sinks: {name}"), Command::SetSinks(treatment));
    entries.extend(aggregation::TREATMENTS.map(sinks));
    entries.push(entry("usual thresholds of sinks", Command::SetSinkCriteria(Default::default())));
    entries
}

/// What statistics are compared with and how heads are sorted; the strongest ones.
fn heads(state: &State) -> Vec<Entry> {
    let mut entries: Vec<Entry> =
        Z_SCORES.iter().map(|(over, name)| entry(format!("z-score: {name}"), Command::SetZScore(*over))).collect();
    entries.extend(HeadsOrder::ALL.map(|order| {
        option(state, format!("order of the heads: {}", order.name()), |options| options.heads_order = order)
    }));
    entries.push(option(state, "heads: show all heads, without a filter", |options| options.heads_filter = None));
    entries.extend(Pooling::ALL.map(|pooling| {
        entry(format!("thumbnails: {} of the pooled weights", pooling.name()), Command::SetPooling(pooling))
    }));
    entries.push(toggle(state, "thumbnails: own scale", |options| &mut options.thumbnails_own_scale));
    entries.push(toggle(state, "heads on image: own scale", |options| &mut options.overlays_own_scale));
    if let Some((statistic, _)) = state.inputs(Vec2::ZERO).map(|inputs| statistic_grid(&inputs)) {
        let strongest = statistics::strongest(&statistic.values, statistic.heads, STRONGEST);
        entries.extend(strongest.into_iter().map(|(layer, head, value)| {
            let select = Command::Select { target: Target::Head { layer, head }, extend: false };
            entry(format!("strongest: layer {layer} · head {head}: {value:.4}"), select)
        }));
    }
    entries
}

/// How hidden states get to the plane, and what points look like.
fn embedding(state: &State) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Method::ALL
        .map(|method| option(state, format!("projection {method}"), |options| options.embedding.recipe.method = method))
        .into();
    entries.extend(Align::ALL.map(|align| {
        option(state, format!("hidden states: {align}"), |options| options.embedding.recipe.align = align)
    }));
    entries.extend(ColorBy::ALL.map(|color_by| {
        option(state, format!("hidden states: colour by {color_by}"), |options| options.embedding.color_by = color_by)
    }));
    entries.extend(SizeBy::ALL.map(|size_by| {
        option(state, format!("hidden states: {size_by}"), |options| {
            options.embedding.size_by = size_by;
        })
    }));
    let metrics = std::iter::once(None).chain(Metric::ALL.map(Some));
    entries.extend(metrics.map(|metric| {
        let name = metric.map_or("none", Metric::name);
        option(state, format!("nearest tokens of the selection: {name}"), |options| {
            options.embedding.neighbours = metric;
        })
    }));
    let has_trajectories = state.options.embedding.trajectories;
    entries.push(option(
        state,
        switch("hidden states: trajectories of selected tokens", has_trajectories),
        |options| {
            options.embedding.show_trajectories(!has_trajectories);
        },
    ));
    entries.push(toggle(state, "hidden states: patches as pictures", |options| &mut options.embedding.pictures));
    entries.push(toggle(state, "hidden states: lasso: drag around points", |options| &mut options.embedding.lasso));
    entries.push(entry("hidden states: state follows the layer", Command::SetHiddenState(None)));
    if let Some(projection) = &state.projection {
        let states = 0..projection.states;
        entries
            .extend(states.map(|state| entry(format!("hidden state {state}"), Command::SetHiddenState(Some(state)))));
    }
    entries
}

/// Image, text, timeline, matrix and links.
fn views(state: &State) -> Vec<Entry> {
    let mut entries = vec![
        toggle(state, "image: fade out where there is little", |options| &mut options.fade),
        toggle(state, "image: contours", |options| &mut options.contours),
        toggle(state, "image: smooth", |options| &mut options.smooth),
        toggle(state, "text: whole words", |options| &mut options.join_pieces),
        toggle(state, "colours: lock scale", |options| &mut options.lock_scale),
        option(state, switch("colours: fixed range", state.options.range.is_some()), |options| {
            options.range = options.range.is_none().then_some(Options::FIXED_RANGE);
        }),
        entry("matrix: show all", Command::ZoomMatrix(None)),
        option(state, "hidden states: show all", |options| options.embedding_view = None),
        option(state, "links: strongest", |options| options.links = Keep::Strongest(200)),
        option(state, "links: at least", |options| options.links = Keep::AtLeast(0.05)),
        toggle(state, "links: selected only", |options| &mut options.links_of_selection),
        toggle(state, "links: bundle by region", |options| &mut options.links_bundle),
    ];
    entries.extend(
        Tiles::ALL.map(|tiles| option(state, format!("image: {}", tiles.label()), |options| options.tiles = tiles)),
    );
    entries.extend(TokenGroup::ALL.map(|group| {
        option(state, format!("timeline: mass on {}", group.label()), |options| options.timeline_group = group)
    }));
    entries.extend(MatrixBlock::ALL.map(|block| {
        option(state, format!("matrix: {}", block.label()), |options| {
            (options.matrix_block, options.matrix_window) = (block, None);
        })
    }));
    entries.extend(LinkColor::ALL.map(|color| {
        option(state, format!("links: colours {}", color.label()), |options| options.links_color = color)
    }));
    entries
}

/// What plays, and sizes.
fn window(state: &State) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Play::ALL
        .map(|play| {
            let playing = Playing { play, ..state.playing };
            entry(format!("play through {}", play.name()), Command::SetPlaying(playing))
        })
        .into();
    let loops = state.playing.loops;
    let other = Playing { loops: !loops, ..state.playing };
    entries.push(entry(switch("play: begin again at the end", loops), Command::SetPlaying(other)));
    let previews = state.previews_tokens;
    entries.push(entry(switch("preview tokens under the pointer", previews), Command::PreviewTokens(!previews)));
    let percent = |scale: f32| format!("{:.0} %", scale * 100.0);
    entries.extend(
        UI_SCALES.map(|scale| entry(format!("size of everything {}", percent(scale)), Command::SetUiScale(scale))),
    );
    entries.extend(top_bar::FONT_SCALES.map(|scale| {
        option(state, format!("letters in the views {}", percent(scale)), |options| options.font_scale = scale)
    }));
    entries
}

/// Columns of the browser, the head atlas and the token atlas.
fn dataset(state: &State) -> Vec<Entry> {
    let mut entries: Vec<Entry> = TokenColor::ALL
        .map(|color| entry(format!("token atlas: colour by {color}"), Command::Tokens(TokenCommand::SetColor(color))))
        .into();
    let lasso = state.tokens.lasso;
    entries.push(entry(switch("token atlas: lasso", lasso), Command::Tokens(TokenCommand::SetLasso(!lasso))));
    entries.push(entry("token atlas: show all", Command::Tokens(TokenCommand::SetView(None))));
    let columns = columns::offered_columns(&state.browsing);
    entries.extend(columns.into_iter().map(|(name, is_shown)| {
        let words = switch(&format!("column {}", columns::short_title(&name)), is_shown);
        entry(words, Command::Dataset(DatasetCommand::ToggleColumn(name)))
    }));
    let atlas = &state.browsing.atlas.choice;
    entries.extend(state.browsing.groups().into_iter().map(|groups| {
        let choice = atlas.comparing(groups.a, groups.b);
        let words = format!("head atlas: compare {}", groups.label);
        entry(words, Command::Dataset(DatasetCommand::SetAtlas(Box::new(choice))))
    }));
    let choice = atlas.of_one_group();
    entries.push(entry("head atlas: one group", Command::Dataset(DatasetCommand::SetAtlas(Box::new(choice)))));
    entries
}

/// What can be on or off, with what choosing it does.
fn switch(words: &str, is_on: bool) -> String {
    format!("{words}: {}", if is_on { "off" } else { "on" })
}

fn toggle(state: &State, words: &str, field: impl Fn(&mut Options) -> &mut bool) -> Entry {
    let mut options = state.options.clone();
    let value = field(&mut options);
    let words = switch(words, *value);
    *value = !*value;
    entry(words, Command::SetOptions(Box::new(options)))
}

//! Where the panels stand.

use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tiles, Tree};

use crate::app::model::panel::Panel;

/// Where the panels stand. The user rearranges them by dragging their tabs.
pub type Layout = Tree<Panel>;

/// By which egui knows the layout.
pub fn layout_id() -> egui::Id {
    egui::Id::unique("panels")
}

/// Examples and heads at the left, picture and text in the middle, matrix and hidden states at the right.
pub fn default_layout() -> Layout {
    let mut tiles = Tiles::default();
    let left = column(
        &mut tiles,
        &[(&[Panel::Examples, Panel::Tokens], 0.42), (&[Panel::Heads, Panel::Thumbnails, Panel::Atlas], 0.58)],
    );
    let middle = column(
        &mut tiles,
        &[
            (&[Panel::Image, Panel::Overlays, Panel::Links, Panel::Compare], 0.72),
            (&[Panel::Text, Panel::Timeline], 0.28),
        ],
    );
    let right = column(&mut tiles, &[(&[Panel::Matrix, Panel::Similarity], 0.5), (&[Panel::Embedding], 0.5)]);
    let root = linear(&mut tiles, LinearDir::Horizontal, &[(left, 0.27), (middle, 0.44), (right, 0.29)]);
    Tree::new(layout_id(), root, tiles)
}

/// A layout of an earlier version, with what it lacks: each new panel as a tab beside the one that it stands beside by default.
pub fn completed(mut layout: Layout) -> Layout {
    let known: Vec<Panel> = panes(&layout).map(|(_, panel)| panel).collect();
    let default = default_layout();
    for (tile, panel) in panes(&default).filter(|(_, panel)| !known.contains(panel)) {
        let siblings = default.tiles.parent_of(tile).map(|tabs| children(&default, tabs)).unwrap_or_default();
        let neighbours: Vec<Panel> =
            siblings.iter().filter_map(|sibling| default.tiles.get_pane(sibling)).copied().collect();
        let beside = panes(&layout).find(|(_, found)| neighbours.contains(found)).map(|(tile, _)| tile);
        let tabs = beside.and_then(|tile| layout.tiles.parent_of(tile)).or(layout.root);
        let pane = layout.tiles.insert_pane(panel);
        if let Some(Tile::Container(container)) = tabs.and_then(|tabs| layout.tiles.get_mut(tabs)) {
            container.add_child(pane);
        }
    }
    layout
}

fn panes(layout: &Layout) -> impl Iterator<Item = (TileId, Panel)> {
    layout.tiles.iter().filter_map(|(tile, content)| match content {
        Tile::Pane(panel) => Some((*tile, *panel)),
        Tile::Container(_) => None,
    })
}

fn children(layout: &Layout, tile: TileId) -> Vec<TileId> {
    match layout.tiles.get(tile) {
        Some(Tile::Container(container)) => container.children_vec(),
        _ => Vec::new(),
    }
}

/// Shows a panel before those that it shares its place with.
pub fn bring_forward(layout: &mut Layout, panel: Panel) {
    layout.make_active(|_, tile| matches!(tile, Tile::Pane(pane) if *pane == panel));
}

fn column(tiles: &mut Tiles<Panel>, groups: &[(&[Panel], f32)]) -> TileId {
    let children: Vec<_> = groups
        .iter()
        .map(|(panels, share)| {
            let panes = panels.iter().map(|&panel| tiles.insert_pane(panel)).collect();
            (tiles.insert_tab_tile(panes), *share)
        })
        .collect();
    linear(tiles, LinearDir::Vertical, &children)
}

fn linear(tiles: &mut Tiles<Panel>, direction: LinearDir, children: &[(TileId, f32)]) -> TileId {
    let mut container = Linear::new(direction, children.iter().map(|(tile, _)| *tile).collect());
    for (tile, share) in children {
        container.shares.set_share(*tile, *share);
    }
    tiles.insert_new(Tile::Container(Container::Linear(container)))
}

#[cfg(test)]
mod tests {
    use super::{Layout, completed, default_layout, panes};
    use crate::app::model::panel::Panel;

    #[test]
    fn a_layout_of_an_earlier_version_gets_the_new_panels() {
        let mut old: Layout = default_layout();
        let gone: Vec<_> = panes(&old)
            .filter(|(_, panel)| matches!(panel, Panel::Timeline | Panel::Embedding | Panel::Similarity))
            .map(|(tile, _)| tile)
            .collect();
        for tile in gone {
            old.remove_recursively(tile);
        }
        let now = completed(old);
        let mut found: Vec<_> = panes(&now).map(|(_, panel)| panel.title()).collect();
        let mut all: Vec<_> = panes(&default_layout()).map(|(_, panel)| panel.title()).collect();
        found.sort_unstable();
        all.sort_unstable();
        assert_eq!(found, all);
        let parent =
            |panel: Panel| panes(&now).find(|(_, p)| *p == panel).and_then(|(tile, _)| now.tiles.parent_of(tile));
        assert_eq!(parent(Panel::Timeline), parent(Panel::Text), "as a tab beside the text");
    }
}

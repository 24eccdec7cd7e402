//! The choices of image, text, matrix, links and timeline, at the right of their tabs; rare ones in a menu.

use egui::containers::menu::is_in_menu;
use egui::{DragValue, Slider, TextEdit, Ui};

use crate::analysis::timeline::TokenGroup;
use crate::app::ui::controls::{choose, radios};
use crate::typed::Choice as _;
use crate::view::{Options, View};

/// Shows those of a view.
pub fn show(ui: &mut Ui, view: View, options: &mut Options) {
    match view {
        View::Text => {
            ui.checkbox(&mut options.join_pieces, "whole words").on_hover_text("Join the pieces of a word");
        }
        View::Timeline => {
            choose(ui, "Mass layer by layer", &mut options.timeline_group, TokenGroup::rows());
        }
        _ => {}
    }
    let name = match view {
        View::Image => "Image options",
        View::Text => "Text options",
        View::Matrix => "Matrix options",
        View::Links => "Links options",
        View::Timeline => "Timeline options",
        View::Lens => return show_word(ui, options),
        View::Heads
        | View::Embedding
        | View::Joint
        | View::Thumbnails
        | View::Overlays
        | View::Lattice
        | View::Pins
        | View::Similarity => return,
    };
    let mut content = |ui: &mut Ui| match view {
        View::Links => links(ui, options),
        View::Image => {
            ui.add(Slider::new(&mut options.opacity, 0.0..=1.0).text("opacity of the heat"))
                .on_hover_text("How strongly the heat covers the picture");
            ui.checkbox(&mut options.fade, "fade out where there is little")
                .on_hover_text("The heat is the more opaque the more weight there is, or covers all patches alike");
            ui.checkbox(&mut options.contours, "contours")
                .on_hover_text("Around the fewest patches that hold half, and dashed four fifths, of the attention");
            ui.checkbox(&mut options.smooth, "smooth").on_hover_text("Blended between patches, or each patch a square");
            ui.separator();
            show_word(ui, options);
            ui.separator();
            radios(ui, &mut options.tiles);
            ui.separator();
            scale(ui, options);
        }
        View::Matrix => {
            if radios(ui, &mut options.matrix_block) {
                options.matrix_window = None;
            }
            ui.separator();
            scale(ui, options);
        }
        _ => scale(ui, options),
    };
    if is_in_menu(ui) {
        ui.separator();
        content(ui);
        return;
    }
    let menu = ui.menu_button("…", content);
    menu.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    menu.response.on_hover_text(name);
}

/// The word whose probability colours tokens; none for the first word of each.
fn show_word(ui: &mut Ui, options: &mut Options) {
    let mut word = options.decodes_to.clone().unwrap_or_default();
    ui.horizontal(|ui| {
        let label = ui.label("decodes to").id;
        let edit = TextEdit::singleline(&mut word).desired_width(90.0).hint_text("a word");
        let response = ui.add(edit).labelled_by(label);
        response.on_hover_text("Colours tokens by the probability of this word at the selected state");
    });
    let word = Some(word).filter(|word| !word.is_empty());
    if word != options.decodes_to {
        options.decodes_to = word;
    }
}

fn links(ui: &mut Ui, options: &mut Options) {
    radios(ui, &mut options.links_color);
    ui.separator();
    ui.checkbox(&mut options.links_bundle, "bundle by region")
        .on_hover_text("One link to each labelled region, or quadrant of an image without regions");
}

/// Up to where the colours of weights reach.
fn scale(ui: &mut Ui, options: &mut Options) {
    ui.checkbox(&mut options.lock_scale, "lock scale")
        .on_hover_text("Colours reach up to the largest weight of all heads and layers, so that pictures compare");
    let mut is_fixed = options.range.is_some();
    let fixed = ui.checkbox(&mut is_fixed, "fixed range");
    if fixed.on_hover_text("Colours reach from and to these values, whatever is shown").changed() {
        options.range = is_fixed.then_some(Options::FIXED_RANGE);
    }
    if let Some([low, high]) = &mut options.range {
        ui.horizontal(|ui| {
            ui.add(DragValue::new(low).speed(0.002).range(0.0..=*high - 0.001).prefix("from "))
                .on_hover_text("The weight at the lower end of the colours");
            ui.add(DragValue::new(high).speed(0.002).range(*low + 0.001..=1000.0).prefix("to "))
                .on_hover_text("The weight at the upper end of the colours");
        });
    }
}

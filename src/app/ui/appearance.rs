//! egui in the colours and the letters of the views.

use std::sync::Arc;

use egui::{Color32, CornerRadius, FontData, FontDefinitions, FontFamily, Stroke, Visuals};

use crate::render::{Color, FONT_REGULAR};
use crate::view::Theme;

/// Sets the letters of the views before egui's own, which remain for signs that those lack.
pub fn install_fonts(context: &egui::Context) {
    let mut fonts = FontDefinitions::default();
    fonts.font_data.insert("views".into(), Arc::new(FontData::from_static(FONT_REGULAR)));
    fonts.families.entry(FontFamily::Proportional).or_default().insert(0, "views".into());
    context.set_fonts(fonts);
}

/// Sets the colours of a theme.
pub fn apply(context: &egui::Context, theme: Theme) {
    let palette = theme.palette();
    let [background, surface, line, text, muted, selected] =
        [palette.background, palette.surface, palette.line, palette.text, palette.muted, palette.selected_text]
            .map(color);
    let (egui_theme, mut visuals) = match theme {
        Theme::Dark => (egui::Theme::Dark, Visuals::dark()),
        Theme::Light | Theme::Paper => (egui::Theme::Light, Visuals::light()),
    };
    visuals.panel_fill = background;
    visuals.window_fill = background;
    visuals.extreme_bg_color = surface;
    visuals.faint_bg_color = surface;
    visuals.weak_text_color = Some(muted);
    visuals.window_stroke = Stroke::new(1.0, line);
    visuals.selection.bg_fill = selected.gamma_multiply(0.28);
    visuals.selection.stroke = Stroke::new(1.0, text);
    let widgets = &mut visuals.widgets;
    for state in [&mut widgets.inactive, &mut widgets.hovered, &mut widgets.active, &mut widgets.open] {
        state.corner_radius = CornerRadius::same(4);
        state.fg_stroke.color = text;
        state.expansion = 0.0;
    }
    widgets.inactive.weak_bg_fill = surface;
    // The rails of sliders and the frames of boxes.
    widgets.inactive.bg_fill = line;
    widgets.noninteractive.fg_stroke.color = text;
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, line.gamma_multiply(0.6));
    context.set_theme(egui_theme);
    context.set_visuals_of(egui_theme, visuals);
    context.all_styles_mut(|style| {
        style.spacing.item_spacing = egui::vec2(8.0, 5.0);
        style.spacing.button_padding = egui::vec2(8.0, 3.0);
        style.interaction.tooltip_delay = 0.0;
    });
}

/// A view's colour as egui's.
pub fn color(color: Color) -> Color32 {
    let [r, g, b, a] = color.0;
    Color32::from_rgba_unmultiplied(r, g, b, a)
}

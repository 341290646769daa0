//! Diagnostics for people (excerpt and caret) and for programs (JSON).

use super::diagnostic::{Diagnostic, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// Whether the output is a terminal that shows colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// With escape sequences.
    Always,
}

/// One diagnostic as text.
pub fn render(diagnostic: &Diagnostic, colour: Colour) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let code = diagnostic.code.to_string();
    let title = level.primary_title(diagnostic.message.as_str()).id(code);
    let mut group = match (diagnostic.span, &diagnostic.excerpt) {
        (Some(span), Some(line)) => {
            let start = offset(line, span.column as usize - 1);
            let end = offset(line, (span.column + span.length.max(1)) as usize - 1);
            title.element(
                Snippet::source(line.as_str())
                    .line_start(span.line as usize)
                    .path(diagnostic.file.as_str())
                    .annotation(AnnotationKind::Primary.span(start..end.max(start))),
            )
        }
        (Some(span), None) => title
            .element(Origin::path(diagnostic.file.as_str()).line(span.line as usize).char_column(span.column as usize)),
        (None, _) => title.element(Origin::path(diagnostic.file.as_str())),
    };
    for note in &diagnostic.notes {
        let place = note.place.as_ref().map(|(file, at)| format!(" ({file}:{}:{})", at.line, at.column));
        group = group.element(Level::NOTE.message(format!("{}{}", note.message, place.unwrap_or_default())));
    }
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    let renderer = match colour {
        Colour::Never => Renderer::plain(),
        Colour::Always => Renderer::styled(),
    };
    let groups: [Group; 1] = [group];
    renderer.render(&groups) + "\n"
}

/// All diagnostics as a JSON array.
pub fn render_json(diagnostics: &[Diagnostic]) -> String {
    serde_json::to_string_pretty(diagnostics).unwrap_or_else(|e| format!("[\"{e}\"]"))
}

/// The byte offset of a character in a line; its end where the line is shorter.
fn offset(line: &str, characters: usize) -> usize {
    line.char_indices().nth(characters).map_or(line.len(), |(at, _)| at)
}

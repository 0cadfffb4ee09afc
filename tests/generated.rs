//! Files that are made from the code are as the code makes them; `make generate` writes them.

mod common;

use std::fmt::Write;

use scaledapp::domain::defaults;
use scaledapp::planner::Catalogue;

fn generated(path: &str, text: &str) {
    if std::env::var_os("SCALEDAPP_UPDATE").is_some() {
        let path = common::root(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        return;
    }
    assert!(std::fs::read_to_string(common::root(path)).is_ok_and(|is| is == text), "{path} is old: make generate");
}

#[test]
fn the_crd_is_generated_and_small() {
    let text = scaledapp::cli::crd::text().unwrap();
    assert!(text.len() < 200 * 1024, "the CRD has {} bytes", text.len());
    generated("crds/scaledapp.yaml", &text);
}

#[test]
fn the_constants_are_documented() {
    let catalogue = Catalogue::builtin();
    let mut text = format!(
        "# Constants and defaults\n\nGenerated from the code by `make generate`. Catalogue {}; prices in {}. Grades: A a primary source, B a page that \
         quotes one, C one narrow benchmark, D a judgement.\n\n## Constants of the planner\n\n| constant | value | unit | grade | source |\n|---|---|---|---|---|\n",
        catalogue.revision, catalogue.currency
    );
    for constant in catalogue.constants() {
        let value = (constant.value * 10_000.0).round() / 10_000.0;
        let _ = writeln!(
            text,
            "| {} | {value} | {} | {} | {} |",
            constant.name, constant.unit, constant.grade, constant.source
        );
    }
    text.push_str("\n## Defaults of the spec\n\n| field | default | grade | source |\n|---|---|---|---|\n");
    for line in defaults::table() {
        let grade = line.grade.map_or_else(|| "-".to_owned(), |grade| grade.to_string());
        let _ = writeln!(text, "| {} | {} | {grade} | {} |", line.field.replace("[]", "[ ]"), line.value, line.source);
    }
    generated("docs/constants.md", &text);
}

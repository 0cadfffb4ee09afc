//! Every field and every constant is explained, and every constant moves something.

#[path = "../common/mod.rs"]
mod common;

#[test]
fn everything_is_explained() {
    for field in scaledapp::report::fields::fields() {
        let text = scaledapp::report::explain_field(&field.path).unwrap_or_else(|_| panic!("{}", field.path));
        assert!(common::plain(&text).starts_with(&field.path), "{text}");
        assert!(!field.description.trim().is_empty(), "{} has no description", field.path);
    }
    for constant in scaledapp::planner::Catalogue::builtin().constants() {
        let text = common::plain(&scaledapp::report::explain_constant(constant.name).unwrap());
        let grade = format!("grade {}", constant.grade);
        assert!(text.starts_with(constant.name) && text.contains(&grade), "{text}");
        assert!(text.contains("What it moves"), "{} moves nothing: is it used?", constant.name);
    }
}

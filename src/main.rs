//! Entry point.

use scaledapp::api::crd::crd;

fn main() -> anyhow::Result<()> {
    print!("{}", serde_yaml::to_string(&crd())?);
    Ok(())
}

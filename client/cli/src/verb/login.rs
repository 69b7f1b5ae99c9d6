//! `login`: signs a device in again after its session has ended.

use chat_client_native::{SystemClock, sign_in, system_rng};

use super::password::{self, Ask};
use crate::arguments::{Global, Login};
use crate::failure::Failure;
use crate::output::Output;
use crate::row::WhoAmI;

pub(crate) async fn run(
    global: &Global,
    login: &Login,
    output: &mut Output,
) -> Result<(), Failure> {
    let home = global.home()?;
    if !home.has_store() {
        return Err(chat_client_native::AccountError::NoAccount.into());
    }
    let password = password::read(&login.password, Ask::Once)?;
    let own = sign_in(&home, &password, &SystemClock, &mut system_rng()).await?;
    Ok(output.print(&WhoAmI::from(own))?)
}

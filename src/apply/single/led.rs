//! Whether somebody can administer the tenant, and the deployment, and how people come in: before a change, and after it.

use super::{Order, Refusal};
use crate::{
    apply::sso::WaysIn,
    seal::Sealer,
    store::{StoreError, db::Tx, tenants::Tenant, users},
};

/// Who leads, and how people come in.
#[derive(Clone, Copy)]
pub struct Led {
    /// Whether somebody can administer the tenant.
    pub tenant: bool,
    /// And the deployment.
    pub deployment: bool,
    pub ways_in: WaysIn,
}

impl Led {
    /// As it stands.
    pub async fn of(tx: &mut Tx, sealer: &Sealer, tenant: &Tenant) -> Result<Self, StoreError> {
        let led = users::is_administered(&mut *tx, &tenant.id).await?;
        let ways_in = WaysIn::of(tx, sealer, &tenant.id).await?;
        Ok(Self { tenant: led, deployment: users::is_governed(tx).await?, ways_in })
    }

    /// Nobody is lost without whom it cannot go on, unless somebody has said so.
    pub fn becomes(self, is: Self, order: &Order<'_>) -> Result<(), Refusal> {
        if !order.force && ((self.tenant && !is.tenant) || (self.deployment && !is.deployment)) {
            return Err(Refusal::LastAdministrator);
        }
        if !order.force && self.ways_in.closes(is.ways_in) {
            return Err(Refusal::LastWayIn);
        }
        if !order.force && self.ways_in.locks_out(is.ways_in) {
            return Err(Refusal::LockedOut);
        }
        Ok(())
    }
}

/// Nobody loses the last one who could administer a tenant, or the deployment, or its last way in, without having said so.
pub async fn led_still(tx: &mut Tx, order: &Order<'_>, tenant: &Tenant, was: Led) -> Result<(), Refusal> {
    was.becomes(Led::of(tx, order.sealer, tenant).await?, order)
}

//! [`Accounts`], by how much each live block, or batch of blocks, has raised `used`.

use std::collections::BTreeMap;

use crate::config::{Outcome, ensure};

/// The number of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AccountId(usize);

/// The blocks that raised `used` together: one block, or those of a batch, of which only the sum is known.
#[derive(Clone, Copy, Debug)]
struct Account {
    /// How many live blocks belong to it, at least 1.
    blocks: usize,
    /// By how much `used` is larger because of them.
    charge: usize,
}

/// The accounts of all live blocks. Their charges together are `used`.
#[derive(Default)]
pub(super) struct Accounts {
    accounts: BTreeMap<AccountId, Account>,
    opened: usize,
}

impl Accounts {
    /// A new account, for `blocks` blocks that have raised `used` by `charge`.
    pub(super) fn open(&mut self, blocks: usize, charge: usize) -> AccountId {
        self.opened += 1;
        let id = AccountId(self.opened);
        self.accounts.insert(id, Account { blocks, charge });
        id
    }

    /// What the blocks of the account have raised `used` by.
    pub(super) fn charge(&self, id: AccountId) -> usize {
        self.accounts[&id].charge
    }

    /// What a block of the account has raised `used` by, as far as is known: its share.
    pub(super) fn share(&self, id: AccountId) -> usize {
        let Account { blocks, charge } = self.accounts[&id];
        charge / blocks
    }

    /// Notes that a block of the account has been resized, and what the account has raised `used` by since.
    pub(super) fn set_charge(&mut self, id: AccountId, charge: usize) {
        if let Some(account) = self.accounts.get_mut(&id) {
            account.charge = charge;
        }
    }

    /// Takes `blocks` blocks out of the account, for which `used` went from `before` to `after`: by all that the account
    /// has raised it, if they are the last, and else by no more than that.
    pub(super) fn close_blocks(&mut self, id: AccountId, blocks: usize, before: usize, after: usize) -> Outcome {
        let Some(account) = self.accounts.get_mut(&id) else { return Ok(()) };
        let charge = account.charge;
        account.blocks -= blocks;
        let lowered = before.checked_sub(after).filter(|&lowered| lowered <= charge);
        let right = lowered.is_some_and(|lowered| account.blocks > 0 || lowered == charge);
        ensure!(right, "used went from {before} to {after}, while the block had raised it by {charge}");
        account.charge -= lowered.unwrap_or(0);
        if account.blocks == 0 {
            self.accounts.remove(&id);
        }
        Ok(())
    }

    /// One account for the blocks of two; returns it.
    pub(super) fn merge(&mut self, one: AccountId, other: AccountId) -> AccountId {
        if one != other
            && let Some(Account { blocks, charge }) = self.accounts.remove(&other)
            && let Some(account) = self.accounts.get_mut(&one)
        {
            account.blocks += blocks;
            account.charge += charge;
        }
        one
    }
}

//! Secrets at rest: AES-256-GCM, a data key per tenant, wrapped by the master key. Every ciphertext names its key.
//!
//! Layout of a ciphertext: one version byte (1), the data key's id (16 bytes), the nonce (12 bytes), the sealed bytes. The
//! tenant and the purpose are authenticated with it, so that a secret copied to another row does not open.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use computetower_jobs::TenantId;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tokio::sync::RwLock;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::StoreError;

const VERSION: u8 = 1;
const NONCE: usize = 12;
const HEAD: usize = 1 + 16 + NONCE;

/// Text that is not printed and is wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes over the text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The key that wraps data keys. Its id is made from it, so that a wrong key is recognised before anything is tried.
#[derive(Clone)]
pub struct MasterKey {
    key: Zeroizing<[u8; 32]>,
    id: String,
}

impl MasterKey {
    /// Reads the base64 of 32 bytes.
    ///
    /// # Errors
    /// When it is not that.
    pub fn from_base64(text: &str) -> Result<Self, VaultError> {
        let bytes = Zeroizing::new(
            STANDARD
                .decode(text.trim())
                .map_err(|_| VaultError::MasterKey)?,
        );
        let key = Zeroizing::new(
            <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| VaultError::MasterKey)?,
        );
        let digest = Sha256::digest(key.as_slice());
        let id = digest
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self { key, id })
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

/// Why a secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The master key is not the base64 of 32 bytes.
    #[error(
        "the master key must be the base64 of 32 random bytes, for example from: head -c 32 /dev/urandom | base64"
    )]
    MasterKey,
    /// The secret was sealed under another master key.
    #[error("this secret was sealed under master key {0}, which this process does not have")]
    OtherMasterKey(String),
    /// The ciphertext is damaged, or belongs to another row.
    #[error("a stored secret cannot be opened: it is damaged or belongs to another row")]
    Damaged,
}

/// Seals and opens secrets.
#[derive(Clone)]
pub struct Vault {
    master: MasterKey,
    pool: PgPool,
    // Opened data keys by id. A few per tenant in use.
    keys: Arc<RwLock<HashMap<Uuid, Zeroizing<[u8; 32]>>>>,
    newest: Arc<RwLock<HashMap<TenantId, Uuid>>>,
}

impl Vault {
    pub(crate) fn new(master: MasterKey, pool: PgPool) -> Self {
        Self {
            master,
            pool,
            keys: Arc::default(),
            newest: Arc::default(),
        }
    }

    /// Seals bytes for a tenant. `purpose` names the column or object that will hold them.
    ///
    /// # Errors
    /// When Postgres does not answer or the master key is not the one that the tenant's key was wrapped with.
    pub async fn seal(
        &self,
        tenant: TenantId,
        purpose: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let id = self.newest_key(tenant).await?;
        let key = self.open_key(tenant, id).await?;
        let nonce = rand::random::<[u8; NONCE]>();
        let sealed = encrypt(&key, &nonce, plain, &context(tenant, purpose))?;
        let mut out = Vec::with_capacity(HEAD + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens what [`Vault::seal`] made for the same tenant and purpose.
    ///
    /// # Errors
    /// [`VaultError::Damaged`] when it was changed or belongs to another tenant or purpose.
    pub async fn open(
        &self,
        tenant: TenantId,
        purpose: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        if sealed.len() < HEAD || sealed[0] != VERSION {
            return Err(VaultError::Damaged.into());
        }
        let id = Uuid::from_slice(&sealed[1..17]).map_err(|_| VaultError::Damaged)?;
        let key = self.open_key(tenant, id).await?;
        let plain = decrypt(
            &key,
            &sealed[17..HEAD],
            &sealed[HEAD..],
            &context(tenant, purpose),
        )?;
        Ok(Zeroizing::new(plain))
    }

    /// A signature over `message`, which only who has the master key can make. `purpose` keeps signatures for one thing from being good for another.
    #[must_use]
    pub fn sign(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        mac(&self.master.key, purpose, message)
            .map(|mac| mac.finalize().into_bytes().into())
            .unwrap_or_default()
    }

    /// Whether [`Vault::sign`] made this signature for the same purpose and message. It takes as long for a wrong one as for the right one.
    #[must_use]
    pub fn is_signed(&self, purpose: &str, message: &[u8], signature: &[u8]) -> bool {
        mac(&self.master.key, purpose, message)
            .is_some_and(|mac| mac.verify_slice(signature).is_ok())
    }

    async fn newest_key(&self, tenant: TenantId) -> Result<Uuid, StoreError> {
        if let Some(id) = self.newest.read().await.get(&tenant) {
            return Ok(*id);
        }
        let found = sqlx::query_scalar!(
            "select id from tenant_keys where tenant_id = $1 order by created_at desc limit 1",
            tenant.0
        )
        .fetch_optional(&self.pool)
        .await?;
        let id = match found {
            Some(id) => id,
            None => self.make_key(tenant).await?,
        };
        self.newest.write().await.insert(tenant, id);
        Ok(id)
    }

    async fn make_key(&self, tenant: TenantId) -> Result<Uuid, StoreError> {
        let id = Uuid::now_v7();
        let key = Zeroizing::new(rand::random::<[u8; 32]>());
        let nonce = rand::random::<[u8; NONCE]>();
        let mut wrapped = nonce.to_vec();
        wrapped.extend(encrypt(
            &self.master.key,
            &nonce,
            key.as_slice(),
            &context(tenant, &id.to_string()),
        )?);
        sqlx::query!(
            "insert into tenant_keys (id, tenant_id, master_key_id, wrapped) values ($1, $2, $3, $4)",
            id,
            tenant.0,
            self.master.id,
            wrapped
        )
        .execute(&self.pool)
        .await?;
        Ok(id)
    }

    async fn open_key(
        &self,
        tenant: TenantId,
        id: Uuid,
    ) -> Result<Zeroizing<[u8; 32]>, StoreError> {
        if let Some(key) = self.keys.read().await.get(&id) {
            return Ok(key.clone());
        }
        let row = sqlx::query!(
            "select master_key_id, wrapped from tenant_keys where id = $1 and tenant_id = $2",
            id,
            tenant.0
        )
        .fetch_optional(&self.pool)
        .await?
        .ok_or(VaultError::Damaged)?;
        if row.master_key_id != self.master.id {
            return Err(VaultError::OtherMasterKey(row.master_key_id).into());
        }
        if row.wrapped.len() < NONCE {
            return Err(VaultError::Damaged.into());
        }
        let (nonce, sealed) = row.wrapped.split_at(NONCE);
        let plain = Zeroizing::new(decrypt(
            &self.master.key,
            nonce,
            sealed,
            &context(tenant, &id.to_string()),
        )?);
        let key = Zeroizing::new(
            <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| VaultError::Damaged)?,
        );
        self.keys.write().await.insert(id, key.clone());
        Ok(key)
    }
}

/// Keyed by a key that is made from the master key for this alone: what is signed tells nothing about what is sealed.
fn mac(master: &[u8; 32], purpose: &str, message: &[u8]) -> Option<Hmac<Sha256>> {
    let mut own = Hmac::<Sha256>::new_from_slice(master).ok()?;
    own.update(b"computetower/sign/");
    own.update(purpose.as_bytes());
    let own = Zeroizing::new(<[u8; 32]>::from(own.finalize().into_bytes()));
    let mut mac = Hmac::<Sha256>::new_from_slice(own.as_slice()).ok()?;
    mac.update(message);
    Some(mac)
}

fn context(tenant: TenantId, purpose: &str) -> Vec<u8> {
    format!("{tenant}/{purpose}").into_bytes()
}

fn encrypt(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    plain: &[u8],
    aad: &[u8],
) -> Result<Vec<u8>, VaultError> {
    let nonce = Nonce::try_from(nonce.as_slice()).map_err(|_| VaultError::Damaged)?;
    Aes256Gcm::new(key.into())
        .encrypt(&nonce, Payload { msg: plain, aad })
        .map_err(|_| VaultError::Damaged)
}

fn decrypt(key: &[u8; 32], nonce: &[u8], sealed: &[u8], aad: &[u8]) -> Result<Vec<u8>, VaultError> {
    let nonce = Nonce::try_from(nonce).map_err(|_| VaultError::Damaged)?;
    Aes256Gcm::new(key.into())
        .decrypt(&nonce, Payload { msg: sealed, aad })
        .map_err(|_| VaultError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_what_was_touched_does_not(plain: Vec<u8>, key: [u8; 32], nonce: [u8; NONCE], flip: usize) {
            let sealed = encrypt(&key, &nonce, &plain, b"a").expect("sealing does not fail");
            prop_assert_eq!(decrypt(&key, &nonce, &sealed, b"a").ok(), Some(plain));
            prop_assert!(decrypt(&key, &nonce, &sealed, b"b").is_err());
            let mut touched = sealed.clone();
            let at = flip % touched.len();
            touched[at] ^= 1;
            prop_assert!(decrypt(&key, &nonce, &touched, b"a").is_err());
        }
    }

    #[test]
    fn a_secret_does_not_print_itself() {
        assert!(!format!("{:?}", Secret::new("hunter2".into())).contains("hunter2"));
    }
}

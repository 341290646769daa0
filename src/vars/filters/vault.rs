//! The filters `vault` and `unvault`, whose password is an argument. Builder only: on a node nothing is encrypted with
//! Ansible Vault, and the builder refuses them in what is to run there.

use super::args::{flag, given, unless_none};
use crate::vars::vault::cipher::{Envelope, Fault, seal};
use crate::vars::vault::is_sealed;
use crate::vars::{CallArgs, Env, Object, Outcome, TemplateError, Text, Value, crypt};

const DEFAULT_LABEL: &str = "filter_default";
const PARAMETERS: [&str; 5] = ["secret", "salt", "vault_id", "wrap_object", "vaultid"];

/// Text or bytes; anything else is an error that `complaint` begins.
fn bytes(value: &Value, complaint: &str) -> Outcome<Vec<u8>> {
    match value.defined()? {
        Value::Str(text) => Ok(text.to_bytes()),
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        Value::Object(object) if object.type_name() == WRAPPED => Ok(object.repr().into_bytes()),
        other => Err(TemplateError::other(format!("{complaint} <class '{}'>", other.type_name()))),
    }
}

/// `vault_id`, else the old spelling of it.
fn label(named: Option<Value>, old: Option<Value>) -> Outcome<String> {
    match (unless_none(named), unless_none(old)) {
        (Some(label), _) | (None, Some(label)) => label.text(),
        (None, None) => Ok(DEFAULT_LABEL.to_owned()),
    }
}

pub fn vault(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [secret, salt, id, wrap, old] = args.bind("do_vault", PARAMETERS, 1)?;
    let secret = bytes(&given(secret), "Secret passed is required to be a string, instead we got:")?;
    let text = bytes(&value, "Can only vault strings, instead we got:")?;
    let salt = match unless_none(salt) {
        Some(salt) => bytes(&salt, "The salt must be text, instead we got:")?,
        None => crypt::random_salt(32).map_err(|e| TemplateError::other(format!("drawing a salt: {e}")))?.into_bytes(),
    };
    let envelope = seal(&text, &secret, &salt, &label(id, old)?);
    Ok(if flag(wrap)? { Value::object(Wrapped(envelope)) } else { Value::from(envelope) })
}

/// An envelope as `wrap_object` gives it: text, by another name.
struct Wrapped(String);

const WRAPPED: &str = "AnsibleVaultEncryptedUnicode";

impl Object for Wrapped {
    fn type_name(&self) -> &'static str {
        WRAPPED
    }
    fn repr(&self) -> String {
        self.0.clone()
    }
}

pub fn unvault(_: &Env, value: Value, args: CallArgs) -> Outcome<Value> {
    let [secret, _, _] = args.bind("do_unvault", ["secret", "vault_id", "vaultid"], 1)?;
    let secret = bytes(&given(secret), "Secret passed is required to be as string, instead we got:")?;
    let sealed = bytes(&value, "Vault should be in the form of a string, instead we got:")?;
    if !is_sealed(&sealed) {
        return Ok(value);
    }
    let opened = Envelope::parse(&sealed).and_then(|envelope| envelope.open(&secret));
    let text = opened.map_err(|fault| {
        let why = match fault {
            Fault::Wrong => "Decryption failed (no vault secrets were found that could decrypt)",
            Fault::Malformed => "Vault format unhexlify error",
            Fault::Unknown => "the version or cipher is not known",
        };
        TemplateError::other(format!("Unable to decrypt: {why}"))
    })?;
    Ok(Value::Str(Text::from_bytes(&text)))
}

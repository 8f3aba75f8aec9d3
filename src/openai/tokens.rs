//! Tokens, estimated: a page does not tell.

pub(super) use computetower_jobs::kinds::chat::{
    CHARACTERS_OF_A_TOKEN as CHARACTERS, estimate_tokens as estimate,
};

//! The closed list of reasons why a server refuses something.

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal);+ $(;)?) => {
        /// Why a server refused; the same over HTTP (`code` of a problem document)
        /// and on the socket. `docs/errors.md` has a paragraph for each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant),+ }

        impl ErrorCode {
            /// All of them, in the order of their documents.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as it travels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// The code behind its text; `None` for one of a later version.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

error_codes! {
    /// The request is not of the documented form.
    MalformedRequest = "malformed_request", 400;
    /// The frame or body is larger than the limit.
    TooLarge = "too_large", 413;
    /// The client speaks a version that this server no longer or not yet does.
    UnsupportedVersion = "unsupported_version", 426;
    /// The session token is unknown, ended or missing.
    NotSignedIn = "not_signed_in", 401;
    /// Name or password is wrong.
    WrongCredentials = "wrong_credentials", 401;
    /// The account exists, but the device has no keys in it.
    DeviceNotLinked = "device_not_linked", 403;
    /// The invite does not exist, is used up or has expired.
    InviteNotFound = "invite_not_found", 404;
    /// The name is not of the allowed form.
    NameInvalid = "name_invalid", 422;
    /// Somebody has the name already.
    NameTaken = "name_taken", 409;
    /// The password is shorter or longer than the limits.
    PasswordLength = "password_length", 422;
    /// Keys or signatures of the device do not verify.
    KeysInvalid = "keys_invalid", 422;
    /// The id that the client drew is in use.
    IdTaken = "id_taken", 409;
    /// Nobody of that name or id is here, or not for this account to know.
    PersonNotFound = "person_not_found", 404;
    /// No such conversation, or not for this account to know.
    ConversationNotFound = "conversation_not_found", 404;
    /// The sender sealed for a device list that is no longer the current one.
    StaleDeviceList = "stale_device_list", 409;
    /// The server has nothing at this address.
    EndpointNotFound = "endpoint_not_found", 404;
    /// The address exists, but not for this method.
    MethodNotAllowed = "method_not_allowed", 405;
    /// This account, or the page of another site, may not do that.
    NotAllowed = "not_allowed", 403;
    /// More of something than a named limit allows.
    LimitExceeded = "limit_exceeded", 422;
    /// Too often; `retry_after_ms` says when again.
    RateLimited = "rate_limited", 429;
    /// The server has too much to do; try again.
    Overloaded = "overloaded", 503;
    /// The server failed; its log has the cause under the request id.
    Internal = "internal", 500;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_code(code.as_str()), Some(*code));
        }
    }
}

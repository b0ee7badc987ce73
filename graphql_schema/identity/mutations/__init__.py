"""Making an account, signing in, staying signed in, signing out, proving who one is, one file a noun."""

import strawberry

from graphql_schema.identity.mutations.accounts import AccountMutations
from graphql_schema.identity.mutations.email_addresses import EmailAddressMutations
from graphql_schema.identity.mutations.passwords import PasswordMutations
from graphql_schema.identity.mutations.profile import ProfileMutations
from graphql_schema.identity.mutations.sessions import SessionMutations


@strawberry.type
class IdentityMutations(
    AccountMutations, SessionMutations, ProfileMutations, PasswordMutations, EmailAddressMutations
):
    pass

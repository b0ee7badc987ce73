"""Making an account, signing in, staying signed in, signing out, one file a noun."""

import strawberry

from graphql_schema.identity.mutations.accounts import AccountMutations
from graphql_schema.identity.mutations.sessions import SessionMutations


@strawberry.type
class IdentityMutations(AccountMutations, SessionMutations):
    pass

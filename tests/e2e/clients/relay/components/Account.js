import { graphql } from "relay-runtime";

export const query = graphql`
  query AccountQuery {
    viewer { id user { name email } }
  }
`;

export const login = graphql`
  mutation AccountLoginMutation($input: LoginInput!) {
    login(input: $input) {
      session { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt }
      userErrors { code message path }
    }
  }
`;

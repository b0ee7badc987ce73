import { graphql } from "./gql/gql.js";

export const Login = graphql(`
  mutation Login($input: LoginInput!) {
    login(input: $input) {
      session { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt }
      user { id name role }
      userErrors { code message path }
    }
  }
`);

export const Courses = graphql(`
  query Courses($first: Int!, $after: String, $filter: CourseFilter) {
    courses(first: $first, after: $after, filter: $filter, orderBy: TITLE) {
      nodes { id slug title level }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

//#region course
export const Course = graphql(`
  query Course($slug: String!) {
    course(slug: $slug) {
      id title version status createdAt
      instructor { id name }
      modules { id title lessons(first: 100) { nodes { id title kind } } }
    }
  }
`);
//#endregion

// One query for any kind of object: its __typename tells which it is.
export const Things = graphql(`
  query Things($ids: [ID!]!) {
    nodes(ids: $ids) {
      __typename
      id
      ... on Course { title }
      ... on User { name }
    }
  }
`);

export const Account = graphql(`
  query Account {
    viewer { id user { id name email } }
  }
`);

export const Half = graphql(`
  query Half {
    courses(first: 0) { totalCount }
    featuredCourses(first: 1) { id title }
  }
`);

export const CreateCourse = graphql(`
  mutation CreateCourse($input: CreateCourseInput!) {
    createCourse(input: $input) {
      course { id slug title version }
      userErrors { code message path }
    }
  }
`);

export const UpdateCourse = graphql(`
  mutation UpdateCourse($input: UpdateCourseInput!) {
    updateCourse(input: $input) {
      course { id title version }
      userErrors { code message path }
    }
  }
`);

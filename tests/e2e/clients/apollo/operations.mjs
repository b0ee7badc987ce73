import { gql } from "@apollo/client";

// Every selection of an object with an id asks for the id: that is what the cache knows it by.

export const LOGIN = gql`
  mutation Login($input: LoginInput!) {
    login(input: $input) {
      session { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt }
      user { id name }
      userErrors { code message path }
    }
  }
`;

//#region courses
export const COURSES = gql`
  query Courses($first: Int!, $after: String) {
    courses(first: $first, after: $after, orderBy: TITLE) {
      edges { node { id slug title level } }
      pageInfo { hasNextPage endCursor }
      totalCount
    }
  }
`;
//#endregion

export const COURSE = gql`
  query Course($slug: String!) {
    course(slug: $slug) {
      id title version lessonCount
      instructor { id name }
      modules { id title position lessons(first: 100) { edges { node { id title position } } } }
    }
  }
`;

export const COURSE_BY_ID = gql`
  query CourseById($id: ID!) {
    course(id: $id) { id title }
  }
`;

export const ACCOUNT = gql`
  query Account {
    viewer { id user { id name email } }
  }
`;

export const TAUGHT = gql`
  query Taught($first: Int!, $after: String) {
    viewer { id taughtCourses(first: $first, after: $after) {
      edges { node { id title status } }
      pageInfo { hasNextPage endCursor }
    } }
  }
`;

export const CREATE_COURSE = gql`
  mutation CreateCourse($input: CreateCourseInput!) {
    createCourse(input: $input) {
      course { id slug title status version }
      userErrors { code message path }
    }
  }
`;

export const UPDATE_COURSE = gql`
  mutation UpdateCourse($input: UpdateCourseInput!) {
    updateCourse(input: $input) {
      course { id title version }
      userErrors { code message path }
    }
  }
`;

export const ADD_MODULE = gql`
  mutation AddModule($input: AddModuleInput!) {
    addModule(input: $input) {
      module { id title position course { id modules { id } } lessons(first: 100) { edges { node { id } } } }
      userErrors { code message path }
    }
  }
`;

export const ADD_LESSON = gql`
  mutation AddLesson($input: AddLessonInput!) {
    addLesson(input: $input) {
      lesson {
        id title position
        course { id lessonCount }
        module { id lessons(first: 100) { edges { node { id title position } } } }
      }
      userErrors { code message path }
    }
  }
`;

export const REMOVE_LESSON = gql`
  mutation RemoveLesson($input: RemoveLessonInput!) {
    removeLesson(input: $input) {
      removedLessonId
      module { id course { id lessonCount } lessons(first: 100) { edges { node { id position } } } }
      userErrors { code message path }
    }
  }
`;

export const REMOVE_MODULE = gql`
  mutation RemoveModule($input: RemoveModuleInput!) {
    removeModule(input: $input) {
      removedModuleId
      course { id lessonCount modules { id position } }
      userErrors { code message path }
    }
  }
`;

// One root field that fails beside one that does not.
export const HALF = gql`
  query Half {
    courses(first: 0) { totalCount }
    featuredCourses(first: 1) { id title }
  }
`;

export const FEATURE = gql`
  mutation Feature($input: SetCourseFeaturedInput!) {
    setCourseFeatured(input: $input) {
      course { id isFeatured }
      userErrors { code message path }
    }
  }
`;

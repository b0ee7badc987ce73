// Ready queries for a newcomer. They use only names that the public schema promises to keep.

const json = (value) => JSON.stringify(value, null, 2);

export const EXAMPLES = [
  {
    title: "List courses",
    query: `query Courses {
  courses(first: 10) {
    edges {
      node {
        id
        slug
        title
        level
        instructor { name }
      }
    }
    totalCount
    pageInfo { hasNextPage endCursor }
  }
}
`,
    variables: "",
  },
  {
    title: "One course with its lessons",
    query: `query Course($slug: String!) {
  course(slug: $slug) {
    id
    title
    description
    modules { id title }
    lessons(first: 20) {
      edges {
        node { id title position kind durationSeconds }
      }
    }
  }
}
`,
    variables: json({ slug: "copy-a-slug-from-the-list" }),
  },
  {
    title: "Sign in",
    query: `mutation SignIn($input: LoginInput!) {
  login(input: $input) {
    session { accessToken accessTokenExpiresAt }
    user { id name }
    userErrors { code message path }
  }
}
`,
    variables: json({ input: { email: "", password: "" } }),
  },
  {
    title: "Who am I",
    query: `query WhoAmI {
  viewer {
    id
    user { id name email role }
  }
}
`,
    variables: "",
  },
  {
    title: "Create a course (as an instructor)",
    query: `mutation CreateCourse($input: CreateCourseInput!) {
  createCourse(input: $input) {
    course { id slug title status }
    userErrors { code message path }
  }
}
`,
    variables: json({
      input: {
        title: "Bread from scratch",
        description: "Flour, water, salt and patience.",
        category: "cooking",
        level: "BEGINNER",
        language: "en",
      },
    }),
  },
];

import { graphql } from "relay-runtime";

export const query = graphql`
  query TeachingQuery($count: Int!) {
    viewer { id ...Teaching_taughtCourses @arguments(count: $count) }
  }
`;

// Its next page comes through the root field viewer.
export const taughtCourses = graphql`
  fragment Teaching_taughtCourses on Viewer
  @refetchable(queryName: "TeachingPaginationQuery")
  @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" }) {
    taughtCourses(first: $count, after: $cursor) @connection(key: "Teaching_taughtCourses") {
      edges { node { id title status } }
    }
  }
`;

export const create = graphql`
  mutation TeachingCreateMutation($input: CreateCourseInput!, $connections: [ID!]!) {
    createCourse(input: $input) {
      course @prependNode(connections: $connections, edgeTypeName: "CourseEdge") {
        id slug title status version
      }
      userErrors { code message path }
    }
  }
`;

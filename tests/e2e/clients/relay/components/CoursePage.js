import { graphql } from "relay-runtime";

export const query = graphql`
  query CoursePageQuery($slug: String!, $count: Int!) {
    course(slug: $slug) {
      id title version lessonCount
      instructor { name }
      modules { id title position }
      ...CoursePage_lessons @arguments(count: $count)
    }
  }
`;

// Its next page comes through node(id:), for Course is a Node.
export const lessons = graphql`
  fragment CoursePage_lessons on Course
  @refetchable(queryName: "CoursePageLessonsQuery")
  @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" }) {
    lessons(first: $count, after: $cursor) @connection(key: "CoursePage_lessons") {
      edges { node { id title position } }
    }
  }
`;

export const update = graphql`
  mutation CoursePageUpdateMutation($input: UpdateCourseInput!) {
    updateCourse(input: $input) {
      course { title version }
      userErrors { code message path }
    }
  }
`;

export const addModule = graphql`
  mutation CoursePageAddModuleMutation($input: AddModuleInput!) {
    addModule(input: $input) {
      module { id course { modules { id title position } } }
      userErrors { code message path }
    }
  }
`;

export const removeModule = graphql`
  mutation CoursePageRemoveModuleMutation($input: RemoveModuleInput!) {
    removeModule(input: $input) {
      removedModuleId @deleteRecord
      course { lessonCount modules { id position } }
      userErrors { code message path }
    }
  }
`;

//#region changes
export const addLesson = graphql`
  mutation CoursePageAddLessonMutation($input: AddLessonInput!, $connections: [ID!]!) {
    addLesson(input: $input) {
      lesson @appendNode(connections: $connections, edgeTypeName: "LessonEdge") {
        id title position course { lessonCount }
      }
      userErrors { code message path }
    }
  }
`;

export const removeLesson = graphql`
  mutation CoursePageRemoveLessonMutation($input: RemoveLessonInput!, $connections: [ID!]!) {
    removeLesson(input: $input) {
      removedLessonId @deleteEdge(connections: $connections)
      module { course { lessonCount } lessons(first: 100) { nodes { position } } }
      userErrors { code message path }
    }
  }
`;
//#endregion

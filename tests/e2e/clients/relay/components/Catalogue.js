import { graphql } from "relay-runtime";

//#region list
export const query = graphql`
  query CatalogueQuery($count: Int!) {
    ...Catalogue_courses @arguments(count: $count)
  }
`;

export const courses = graphql`
  fragment Catalogue_courses on Query
  @refetchable(queryName: "CataloguePaginationQuery")
  @argumentDefinitions(count: { type: "Int!" }, cursor: { type: "String" }) {
    courses(first: $count, after: $cursor, orderBy: TITLE) @connection(key: "Catalogue_courses") {
      edges { node { id slug title } }
      totalCount
    }
  }
`;
//#endregion

// One root field that fails beside one that does not.
export const half = graphql`
  query CatalogueHalfQuery {
    courses(first: 0) { totalCount }
    featuredCourses(first: 1) { title }
  }
`;

export const feature = graphql`
  mutation CatalogueFeatureMutation($input: SetCourseFeaturedInput!) {
    setCourseFeatured(input: $input) {
      course { isFeatured }
      userErrors { code message path }
    }
  }
`;

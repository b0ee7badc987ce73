import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: "../../../../graphql_schema/schema.graphql",
  documents: ["*.ts", "!codegen.ts"],
  generates: {
    "./gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        // Documents stay text: nothing of graphql-js is in the page.
        documentMode: "string",
        scalars: { DateTime: "string" },
        // Enums grow; the compiler asks for a default branch.
        futureProofEnums: true,
        useTypeImports: true,
        importExtension: ".js",
      },
    },
  },
};

export default config;

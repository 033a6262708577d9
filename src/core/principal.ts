/** Who makes a request. */
export type Principal =
  | { readonly type: "root"; readonly account: string }
  | {
      readonly type: "user";
      readonly account: string;
      /** With leading and trailing slash. */
      readonly path: string;
      readonly userName: string;
      readonly userId: string;
    }
  | {
      readonly type: "assumed-role";
      readonly account: string;
      readonly roleName: string;
      readonly roleId: string;
      readonly sessionName: string;
    };

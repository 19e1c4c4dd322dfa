export default {
  extends: "stylelint-config-standard",
  rules: {
    // Parts of a page are named by what they are, in attributes as well.
    "selector-class-pattern": "^[a-z][a-z-]*$",
    "no-descending-specificity": null,
  },
};

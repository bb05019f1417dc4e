"""The reviewer's pages: first a plain record of what is to be shown, then HTML as a view of it."""

//go:build !ixtdebug

package sdk_test

const debugging = false

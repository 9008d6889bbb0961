// Package nativeapi is the JSON face of package flows: the native-authentication
// protocol of Microsoft Entra External ID, version 1, so that Microsoft's own SDKs can
// drive sign-up, sign-in, password reset and second factors on an application's own
// screens.
//
// It decides nothing about who may do what. It reads requests, carries a flow from one
// call to the next in sealed continuation tokens, hands inputs to the engine, and turns
// the step that comes back into the protocol's words.
//
// [Endpoints] is the whole surface as data: what may be called, with which parameters,
// and with continuation tokens of which stages.
package nativeapi

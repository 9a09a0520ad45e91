// Echo-twilio is a bot written for Twilio's Media Streams, for trying wsproxy out: it
// knows nothing of Webex.
package main

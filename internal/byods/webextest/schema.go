package webextest

import "net/http"

// schema is a contract that a data source may have.
type schema struct {
	ID          string `json:"id"`
	AppType     string `json:"appType"`
	Protocol    string `json:"protocol"`
	ServiceType string `json:"serviceType"`
	URL         string `json:"url"`
	CreatedAt   string `json:"createdAt"`
}

// schemas are those that speak with the world: github.com/webex/dataSourceSchemas.
func schemas() []schema {
	all := []schema{
		{ID: "5397013b-7920-4ffc-807c-e8a3e0a18f43", Protocol: "gRPC", ServiceType: "VoiceVirtualAgent"},
		{ID: "a38a10b7-43e4-4676-a076-a7d6dce9387d", Protocol: "web-socket", ServiceType: "VoiceVirtualAgent_WebSocket"},
		{ID: "523e1b7f-4693-47bc-b84e-a7b7a505fb0b", Protocol: "gRPC", ServiceType: "AudioForking"},
	}
	for i := range all {
		all[i].AppType, all[i].CreatedAt = "serviceApp", "2024-03-04T05:06:07.000Z"
		all[i].URL = "https://github.com/webex/dataSourceSchemas/tree/main/Services/" + all[i].ServiceType + "/" + all[i].ID
	}
	return all
}

func findSchema(id string) (schema, bool) {
	for _, known := range schemas() {
		if known.ID == id {
			return known, true
		}
	}
	return schema{}, false
}

func (s *Server) listSchemas(call) answer { return done(items(schemas())) }

func (s *Server) readSchema(c call) answer {
	found, ok := findSchema(c.PathValue("id"))
	if !ok {
		return refuse(http.StatusNotFound, "there is no schema %s", c.PathValue("id"))
	}
	return done(found)
}

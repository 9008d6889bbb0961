"use strict";
{
  const clock = document.getElementById("clock");
  const stream = new EventSource("/events");
  stream.onmessage = (event) => { clock.textContent = event.data; };
  stream.onerror = () => { clock.textContent = "interrupted"; };
}

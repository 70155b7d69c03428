// Exports an agent's trace with a stock JavaScript exporter, and prints what it exported.
//
//   node send.mjs http-json|http-protobuf|grpc ENDPOINT [none|gzip]
//
// Ends with status 1 when the exporter reports a failure.

import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const TURNS = 40;
const EXPORTERS = { "http-json": JsonExporter, "http-protobuf": ProtobufExporter, grpc: GrpcExporter };

const [protocol, url, compression = "none"] = process.argv.slice(2);
const exporter = new EXPORTERS[protocol]({ url, compression });
const failures = [];
const watched = {
  export: (spans, done) =>
    exporter.export(spans, (result) => {
      if (result.code !== 0) failures.push(String(result.error));
      done(result);
    }),
  forceFlush: () => exporter.forceFlush(),
  shutdown: () => exporter.shutdown(),
};
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ "service.name": `js-${protocol}` }),
  spanProcessors: [new BatchSpanProcessor(watched, { maxExportBatchSize: 50 })],
});
provider.register();
const tracer = provider.getTracer("agent-loop", "1.0.0");
const sent = [];

const remember = (span) => sent.push([span.spanContext().traceId, span.spanContext().spanId]);

tracer.startActiveSpan("invoke_agent clerk", (agent) => {
  agent.setAttributes({ "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "clerk" });
  for (let turn = 0; turn < TURNS; turn += 1) {
    tracer.startActiveSpan("chat", (call) => {
      call.setAttributes({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "small-model",
        "gen_ai.usage.input_tokens": 100 + turn,
        "gen_ai.usage.output_tokens": 7,
        "gen_ai.output.messages": JSON.stringify([
          { role: "assistant", parts: [{ type: "text", content: `Antwort ${turn}: Ü€😀` }], finish_reason: "stop" },
        ]),
      });
      call.addEvent("said", { to: "whom", times: [1, 2.5], certain: true });
      call.end();
      remember(call);
    });
    tracer.startActiveSpan("execute_tool lookup", (tool) => {
      tool.setAttributes({
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "lookup",
        "gen_ai.tool.call.arguments": JSON.stringify({ turn }),
      });
      if (turn % 10 === 0) {
        tool.recordException(new Error(`no row ${turn}`));
        tool.setStatus({ code: 2, message: `no row ${turn}` });
      }
      tool.end();
      remember(tool);
    });
  }
  agent.end();
  remember(agent);
});

await provider.shutdown();
console.log(JSON.stringify({ sent, failures }));
process.exitCode = failures.length ? 1 : 0;

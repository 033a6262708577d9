using System;
using System.IO;

namespace Lambent.Runtime
{
    /// <summary>Loads the function, then waits for events, runs the handler and answers until the process ends.</summary>
    internal sealed class InvocationLoop
    {
        private const string TraceVariable = "_X_AMZN_TRACE_ID";

        private readonly RuntimeApi api;
        private readonly FunctionLog log;
        private readonly ResponseStreams streams;

        internal InvocationLoop(RuntimeApi api, FunctionLog log)
        {
            this.api = api;
            this.log = log;
            streams = new ResponseStreams(api);
        }

        /// <summary>The exit status of the process.</summary>
        internal int Run(string handlerName)
        {
            Handler handler;
            try
            {
                // The function's constructors may log already.
                CoreAssembly.WhenLoaded(log, streams);
                handler = HandlerLoader.Load(HandlerName.Parse(handlerName));
            }
            catch (Exception error)
            {
                log.Unhandled(error);
                api.PostInitError(new ErrorReport(error));
                return 1;
            }
            while (true)
            {
                RuntimeEvent invocation;
                try
                {
                    invocation = api.Next();
                }
                catch (IOException)
                {
                    // A connection that is gone here means that the platform is done with this environment.
                    return 1;
                }
                Serve(handler, invocation);
            }
        }

        private void Serve(Handler handler, RuntimeEvent invocation)
        {
            Environment.SetEnvironmentVariable(TraceVariable, invocation.Header("lambda-runtime-trace-id"));
            log.RequestId = invocation.RequestId;
            streams.Begin(invocation.RequestId);
            byte[] result;
            try
            {
                result = handler.Handle(invocation.Body, new InvocationContext(invocation, log));
            }
            catch (Exception error)
            {
                log.Unhandled(error);
                var report = new ErrorReport(error);
                if (!streams.End(report)) api.PostError(invocation.RequestId, report);
                return;
            }
            if (!streams.End(null)) api.PostResponse(invocation.RequestId, result);
        }
    }
}

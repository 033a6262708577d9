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

        internal InvocationLoop(RuntimeApi api, FunctionLog log)
        {
            this.api = api;
            this.log = log;
        }

        /// <summary>The exit status of the process.</summary>
        internal int Run(string handlerName)
        {
            Handler handler;
            try
            {
                handler = HandlerLoader.Load(HandlerName.Parse(handlerName), log);
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
            byte[] result;
            try
            {
                result = handler.Handle(invocation.Body, new InvocationContext(invocation, log));
            }
            catch (Exception error)
            {
                log.Unhandled(error);
                api.PostError(invocation.RequestId, new ErrorReport(error));
                return;
            }
            api.PostResponse(invocation.RequestId, result);
        }
    }
}
